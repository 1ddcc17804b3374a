"""The building blocks of the looks: tone curves, split tones, hue curves, mattes, gradient maps.

Every block takes display sRGB of shape (..., 3), nominal 0..1 float, and returns the same shape and
encoding; all are pointwise and smooth, so that a moderate LUT grid carries them. None clips but
`finish`, in which a recipe ends. Hues are OKLCh degrees (red 29, skin and orange 53, yellow 110, green 142, cyan 195,
blue 264, violet 300, magenta 328).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from editor.color import (
    cusp,
    fit_gamut,
    linear_to_oklab,
    linear_to_srgb,
    luminance,
    oklab_to_linear,
    srgb_to_linear,
)

Pixels = NDArray[np.float64]
Point = tuple[float, float]
Tint = tuple[float, float]  # OKLCh hue in degrees, chroma where the tint is strongest

SKIN_HUE = 53.0


def finish(rgb: Pixels, roll_off: float = 4.0) -> Pixels:
    """Chroma brought into the sRGB gamut at constant lightness and hue, then 0..1; only a `matte` may follow.

    Unlike the editor's `fit_gamut`, which spares everything inside, this rolls off early, like film dyes: where
    a look drives whole areas out of gamut no edge shows. A higher `roll_off` keeps more of the strongest colours.
    """
    lab = to_oklab(rgb)
    below, above = _gamut_shares(lab)
    rolled = _scaled(lab, (1 + below**roll_off + above**roll_off) ** (-1 / roll_off))
    return np.clip(fit_gamut(from_oklab(rolled)), 0.0, 1.0)


def curve(values: ArrayLike, *points: Point) -> Pixels:
    """Monotone cubic (Fritsch-Carlson) through the points, continued straight beyond the ends."""
    x, y = np.array(points, dtype=float).T
    spline = PchipInterpolator(x, y)
    values = np.asarray(values, dtype=float)
    inside = np.clip(values, x[0], x[-1])
    low, high = spline.derivative()(x[[0, -1]])
    return spline(inside) + low * np.minimum(values - x[0], 0) + high * np.maximum(values - x[-1], 0)


def tone(rgb: Pixels, *points: Point) -> Pixels:
    """The same tone curve on each channel, as film has it: steeper tones are richer colours."""
    return curve(rgb, *points)


def matte(rgb: Pixels, black: ArrayLike, white: ArrayLike = 1.0) -> Pixels:
    """A print's range: display black and white become the given colours (a number is a grey)."""
    black, white = np.asarray(black, dtype=float), np.asarray(white, dtype=float)
    return black + rgb * (white - black)


def split_tone(rgb: Pixels, shadows: Tint, highlights: Tint, protect_skin: float = 0.0) -> Pixels:
    """Tint shadows and highlights in OKLab; black and white stay, the weights are smooth in lightness.

    The shadow tint is strongest at lightness 0.4 (display grey 0.28), the highlight tint at 0.6 (0.5).
    `protect_skin` 0..1 keeps that share of the tints off orange colours.
    """
    lab = to_oklab(rgb)
    light = np.clip(lab[..., 0], 0, 1)
    spared = 29 * (1 - protect_skin * skin_weight(lab))
    dark_weight = spared * light**2 * (1 - light) ** 3
    bright_weight = spared * light**3 * (1 - light) ** 2
    shift = dark_weight[..., None] * _tint(shadows) + bright_weight[..., None] * _tint(highlights)
    return from_oklab(lab + np.concatenate([np.zeros_like(lab[..., :1]), shift], axis=-1))


def skin_weight(lab: Pixels) -> Pixels:
    """How much a colour is skin by hue and chroma: 1 on the orange axis, 0 for greys and far hues."""
    distance = (hue_of(lab) - SKIN_HUE + 180) % 360 - 180
    light = np.clip(lab[..., 0], 1e-6, None)
    purity = (chroma_of(lab) / light) ** 2  # much the same for dark and light skin, 0.1
    return np.exp(-((distance / 38) ** 2)) * purity / (purity + 0.08**2) * _lit(light)


def saturate(rgb: Pixels, gain: float) -> Pixels:
    """OKLCh chroma gain; above 1 muted colours gain most and colours at the gamut's limit stay (vibrance)."""
    lab = to_oklab(rgb)
    return from_oklab(_scaled(lab, np.full(lab.shape[:-1], gain)))


def hue_curves(
    rgb: Pixels,
    turn: Mapping[float, float] | None = None,
    chroma: Mapping[float, float] | None = None,
    light: Mapping[float, float] | None = None,
) -> Pixels:
    """The grading suite's hue-versus curves; each maps some hues to values, smooth in between.

    turn: degrees added to the hue; chroma: gain (neutral 1); light: lift of the lightness, largest at
    lightness 1/3 (neutral 0). Near-greys are spared, so that neutral areas stay clean and the look stays smooth.
    """
    lab = to_oklab(rgb)
    hue, coloured = hue_of(lab), _coloured(lab)
    if chroma:
        mean = sum(chroma.values()) / len(chroma)
        lab = _scaled(lab, mean + coloured * (_around(hue, chroma) - mean))
    if turn:
        angle = np.radians(coloured * _around(hue, turn))
        a, b = lab[..., 1], lab[..., 2]
        turned = (a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle))
        lab = np.stack([lab[..., 0], *turned], axis=-1)
    if light:
        inside = np.clip(lab[..., 0], 0, 1)
        lift = 6.75 * inside * (1 - inside) ** 2 * coloured * _around(hue, light)
        lab = np.concatenate([lab[..., :1] + lift[..., None], lab[..., 1:]], axis=-1)
    return from_oklab(lab)


def display_luminance(rgb: Pixels) -> Pixels:
    """Rec.709 luminance of the light, encoded like a grey of display sRGB; shape (...)."""
    return linear_to_srgb(luminance(srgb_to_linear(rgb)))


def gradient_map(grey: Pixels, *stops: tuple[float, str]) -> Pixels:
    """Grey (...) to colours (..., 3): a monotone cubic in each display channel through (grey, "#rrggbb")."""
    positions = [position for position, _ in stops]
    colours = np.array([hex_colour(text) for _, text in stops])
    channels = [curve(grey, *zip(positions, colours[:, c], strict=True)) for c in range(3)]
    return np.stack(channels, axis=-1)


def hex_colour(text: str) -> Pixels:
    """Display sRGB 0..1 of "#rrggbb"."""
    return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def to_oklab(rgb: Pixels) -> Pixels:
    """Display sRGB to OKLab."""
    return linear_to_oklab(srgb_to_linear(rgb))


def from_oklab(lab: Pixels) -> Pixels:
    """OKLab to display sRGB, unclipped."""
    return linear_to_srgb(oklab_to_linear(lab))


def hue_of(lab: Pixels) -> Pixels:
    """OKLCh hue in degrees, -180..180."""
    return np.degrees(np.arctan2(lab[..., 2], lab[..., 1]))


def chroma_of(lab: Pixels) -> Pixels:
    """OKLCh chroma."""
    return np.hypot(lab[..., 1], lab[..., 2])


def _tint(tint: Tint) -> Pixels:
    hue, chroma = tint
    return chroma * np.array([np.cos(np.radians(hue)), np.sin(np.radians(hue))])


def _scaled(lab: Pixels, gain: Pixels) -> Pixels:
    """Chroma times gain; a gain above 1 falls with the share of the gamut in use, in order and never beyond it."""
    boost = np.maximum(gain - 1, 0) * _lit(lab[..., 0])  # little in the dark, where chroma is mostly noise
    gain = np.minimum(gain, 1) * (1 + boost) / (1 + boost * _gamut_share(lab))
    return np.concatenate([lab[..., :1], lab[..., 1:] * gain[..., None]], axis=-1)


def _gamut_share(lab: Pixels) -> Pixels:
    """0 for greys, 1 on and beyond the gamut's surface."""
    below, above = (np.minimum(share, 1) ** 2 for share in _gamut_shares(lab))
    return np.sqrt(below + above - below * above)


def _gamut_shares(lab: Pixels) -> tuple[Pixels, Pixels]:
    """Chroma over its limit below and above the cusp; a hue's gamut is seen as the triangle black, cusp, white."""
    light, chroma = np.clip(lab[..., 0], 1e-6, 1 - 1e-6), chroma_of(lab)
    cusp_light, cusp_chroma = cusp(np.radians(hue_of(lab)))
    share = chroma / cusp_chroma
    return share * cusp_light / light, share * (1 - cusp_light) / (1 - light)


def _coloured(lab: Pixels) -> Pixels:
    """0 for greys, half for a pale skin, towards 1 for colours; slower in the dark, where chroma is noise."""
    colour = (lab[..., 0] * chroma_of(lab)) ** 2
    return colour / (colour + 0.05**2)


def _lit(light: Pixels) -> Pixels:
    """0 at black, half in deep shadow, towards 1 from the midtones up."""
    return light**2 / (light**2 + 0.25**2)


def _around(hue: Pixels, nodes: Mapping[float, float]) -> Pixels:
    """Periodic monotone cubic over the hue circle; flat at its extremes, so it never overshoots."""
    degrees = np.array(sorted(nodes), dtype=float)
    values = np.array([nodes[d] for d in sorted(nodes)], dtype=float)
    three_turns = np.concatenate([degrees - 360, degrees, degrees + 360])
    return PchipInterpolator(three_turns, np.tile(values, 3))(hue)
