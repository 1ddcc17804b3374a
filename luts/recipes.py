"""The 33 looks: one short function each, display sRGB (..., 3) in 0..1 to display sRGB in 0..1, pointwise.

    python -m luts.recipes              write luts/*.cube
    python -m luts.recipes --measure    print how close the cubes come to the functions (last line JSON)

The functions are the source, the .cube files the product: edit a look here and run it again.
Names and looks are those of `editor.tools.PRESETS`.
"""

from __future__ import annotations

import argparse

from luts.blocks import (
    Pixels,
    Tint,
    curve,
    display_luminance,
    finish,
    gradient_map,
    hue_curves,
    matte,
    saturate,
    split_tone,
    tone,
)
from luts.writer import FOLDER, Recipe, print_errors, write_cubes

# Clean looks: the picture as it is, at its best or in another weather.


def lovely_day(rgb: Pixels) -> Pixels:
    """Open midtones, peach light, skies towards cyan and fresh grass."""
    rgb = tone(rgb, (0, 0.03), (0.25, 0.34), (0.5, 0.63), (0.75, 0.84), (1, 1))
    rgb = hue_curves(
        rgb,
        turn={29: 6, 53: 2, 110: 0, 142: -10, 195: 0, 264: -14, 330: 0},
        chroma={29: 1.05, 53: 1.0, 110: 1.35, 142: 1.3, 195: 1.3, 264: 1.5, 330: 1},
        light={53: 0.01, 110: 0.03, 142: 0.04, 264: 0.03, 330: 0},
    )
    rgb = split_tone(rgb, shadows=(60, 0.012), highlights=(72, 0.024))
    return matte(finish(rgb), 0, (0.996, 0.985, 0.955))


def action(rgb: Pixels) -> Pixels:
    """Hard contrast, colours held back, steel in the shadows; skin keeps its warmth."""
    rgb = tone(rgb, (0, 0), (0.2, 0.09), (0.5, 0.49), (0.78, 0.87), (1, 1))
    rgb = hue_curves(
        rgb,
        turn={29: 4, 53: -3, 85: -12, 110: -8, 142: 0, 264: -6, 330: 0},
        chroma={29: 0.82, 53: 0.85, 110: 0.55, 142: 0.5, 195: 0.65, 264: 0.7, 330: 0.6},
    )
    rgb = split_tone(rgb, shadows=(242, 0.036), highlights=(225, 0.008), protect_skin=0.85)
    return matte(finish(rgb), (0.006, 0.01, 0.014))


def vivid(rgb: Pixels) -> Pixels:
    """More of every colour, calm skin, a firm curve; greys stay grey."""
    rgb = tone(rgb, (0, 0), (0.22, 0.155), (0.5, 0.52), (0.78, 0.86), (1, 1))
    rgb = saturate(rgb, 2.3)
    rgb = hue_curves(rgb, chroma={29: 1.05, 53: 0.88, 110: 1.1, 142: 1.15, 264: 1.0, 330: 1.05})
    return finish(rgb, roll_off=20)


def north(rgb: Pixels) -> Pixels:
    """Clean blue daylight from a window to the north: crisp, cool whites, clear skies."""
    rgb = tone(rgb, (0, 0), (0.22, 0.18), (0.5, 0.54), (0.78, 0.86), (1, 1))
    rgb = hue_curves(
        rgb,
        turn={29: 6, 53: 0, 85: -10, 110: 0, 142: 16, 195: 10, 264: 0, 330: 0},
        chroma={29: 0.85, 53: 0.82, 110: 0.6, 142: 0.65, 195: 1.0, 264: 1.15, 330: 0.8},
    )
    rgb = split_tone(rgb, shadows=(250, 0.044), highlights=(245, 0.034), protect_skin=0.75)
    return matte(finish(rgb), (0.01, 0.014, 0.02), (0.95, 0.98, 0.994))


def winter(rgb: Pixels) -> Pixels:
    """Snow light: pale, lifted, little colour left but the cold."""
    rgb = tone(rgb, (0, 0.02), (0.25, 0.32), (0.5, 0.62), (0.75, 0.86), (1, 1))
    rgb = hue_curves(
        rgb,
        turn={29: 4, 53: 0, 85: -12, 110: -8, 142: 0, 330: 0},
        chroma={29: 0.62, 53: 0.62, 110: 0.25, 142: 0.25, 195: 0.5, 264: 0.6, 330: 0.5},
    )
    rgb = split_tone(rgb, shadows=(255, 0.028), highlights=(235, 0.020), protect_skin=0.6)
    return finish(matte(rgb, (0.125, 0.14, 0.17), (0.955, 0.98, 0.994)))


def purple_rain(rgb: Pixels) -> Pixels:
    """Violet over everything, deepest in the shadows; skin goes to rose."""
    rgb = tone(rgb, (0, 0), (0.25, 0.2), (0.5, 0.48), (0.75, 0.77), (1, 1))
    rgb = hue_curves(
        rgb,
        turn={29: -12, 53: -12, 110: 0, 142: 20, 195: 45, 264: 32, 330: -8},
        chroma={29: 0.75, 53: 0.75, 110: 0.45, 142: 0.4, 195: 0.7, 264: 1.05, 330: 1.15},
    )
    rgb = split_tone(rgb, shadows=(300, 0.078), highlights=(310, 0.050), protect_skin=0.5)
    return matte(finish(rgb, roll_off=6), (0.028, 0.012, 0.04), (0.98, 0.955, 0.995))


def spring(rgb: Pixels) -> Pixels:
    """Fresh light greens, soft pink in the highlights."""
    rgb = tone(rgb, (0, 0.03), (0.25, 0.31), (0.5, 0.60), (0.75, 0.83), (1, 1))
    rgb = hue_curves(
        rgb,
        turn={29: -4, 53: -3, 85: 4, 115: 18, 142: -4, 195: -8, 264: -10, 330: 0},
        chroma={29: 1.0, 53: 0.95, 85: 1.15, 115: 2.4, 142: 2.0, 195: 1.05, 264: 0.9, 330: 1.15},
        light={53: 0, 85: 0.02, 120: 0.18, 150: 0.12, 195: 0.03, 264: 0.03, 330: 0.02},
    )
    rgb = split_tone(rgb, shadows=(145, 0.042), highlights=(0, 0.034), protect_skin=0.8)
    return matte(finish(rgb), 0.02, (0.994, 0.956, 0.968))


# Faded film: a toe that lifts the blacks, whites below paper white, each stock its own dyes.


def faded_retro(rgb: Pixels) -> Pixels:
    """A 1970s print: plum shadows, yellowed paper, blues gone to cyan."""
    rgb = tone(rgb, (0, 0), (0.25, 0.23), (0.5, 0.52), (0.75, 0.79), (1, 1))
    rgb = hue_curves(
        rgb,
        turn={29: 8, 53: 4, 110: -8, 142: -22, 195: -8, 264: -32, 330: 10},
        chroma={29: 1.0, 53: 0.95, 110: 0.9, 142: 0.65, 195: 0.7, 264: 0.6, 330: 0.7},
    )
    rgb = split_tone(rgb, shadows=(15, 0.022), highlights=(88, 0.050))
    return finish(matte(rgb, (0.17, 0.125, 0.135), (0.965, 0.93, 0.78)))


def faded_high_noon(rgb: Pixels) -> Pixels:
    """Dry golden sun: bleached skies, straw for grass, a hard light over dust."""
    rgb = tone(rgb, (0, 0), (0.22, 0.2), (0.5, 0.57), (0.75, 0.84), (1, 1))
    rgb = hue_curves(
        rgb,
        turn={29: 16, 53: 10, 110: -18, 142: -42, 195: -20, 264: -30, 330: 25},
        chroma={29: 0.8, 53: 0.8, 110: 0.75, 142: 0.6, 195: 0.3, 264: 0.25, 330: 0.5},
    )
    rgb = split_tone(rgb, shadows=(62, 0.035), highlights=(80, 0.060))
    return finish(matte(rgb, (0.14, 0.10, 0.06), (0.99, 0.945, 0.82)))


def faded_mist(rgb: Pixels) -> Pixels:
    """Fog: grey blacks, no true white, what colour is left is cool."""
    rgb = hue_curves(rgb, chroma={29: 0.7, 53: 0.7, 110: 0.4, 142: 0.4, 195: 0.55, 264: 0.5, 330: 0.5})
    rgb = split_tone(rgb, shadows=(235, 0.018), highlights=(225, 0.010), protect_skin=0.6)
    return finish(matte(rgb, (0.235, 0.25, 0.265), (0.87, 0.895, 0.905)))


def faded_terra(rgb: Pixels) -> Pixels:
    """Clay and bark: greens to brown olive, reds to terracotta, skies to stone."""
    rgb = tone(rgb, (0, 0), (0.25, 0.21), (0.5, 0.46), (0.75, 0.74), (1, 1))
    rgb = hue_curves(
        rgb,
        turn={29: 10, 53: -6, 110: -35, 142: -55, 195: -20, 264: 0, 330: 30},
        chroma={29: 0.78, 53: 0.8, 110: 0.65, 142: 0.5, 195: 0.3, 264: 0.25, 330: 0.6},
    )
    rgb = split_tone(rgb, shadows=(42, 0.045), highlights=(55, 0.040))
    return finish(matte(rgb, (0.14, 0.10, 0.085), (0.935, 0.88, 0.82)))


def faded_vista(rgb: Pixels) -> Pixels:
    """Landscape matte: pine greens, teal distance, cream light."""
    rgb = tone(rgb, (0, 0), (0.25, 0.23), (0.5, 0.5), (0.75, 0.77), (1, 1))
    rgb = hue_curves(
        rgb,
        turn={29: 4, 53: 0, 85: -6, 110: 14, 142: 20, 195: -5, 264: -45, 330: 0},
        chroma={29: 0.85, 53: 0.85, 110: 0.75, 142: 0.8, 195: 0.9, 264: 0.6, 330: 0.6},
    )
    rgb = split_tone(rgb, shadows=(180, 0.040), highlights=(120, 0.014), protect_skin=0.9)
    return finish(matte(rgb, (0.09, 0.145, 0.14), (0.955, 0.955, 0.89)))


def faded_c1(rgb: Pixels) -> Pixels:
    """The clean one: neutral matte, a breath of cyan in the shadows."""
    rgb = tone(rgb, (0, 0), (0.25, 0.25), (0.5, 0.54), (0.75, 0.8), (1, 1))
    rgb = hue_curves(rgb, chroma={29: 0.85, 53: 0.85, 110: 0.75, 142: 0.7, 195: 0.85, 264: 0.75, 330: 0.8})
    rgb = split_tone(rgb, shadows=(205, 0.018), highlights=(90, 0.004), protect_skin=0.7)
    return finish(matte(rgb, (0.135, 0.155, 0.16), (0.955, 0.955, 0.95)))


def faded_al2(rgb: Pixels) -> Pixels:
    """Analogue portrait film: peach skin, pink air, soft shadows."""
    rgb = tone(rgb, (0, 0), (0.25, 0.26), (0.5, 0.56), (0.75, 0.82), (1, 1))
    rgb = hue_curves(
        rgb,
        turn={29: 8, 53: -6, 110: -14, 142: -18, 195: 0, 264: 10, 330: 8},
        chroma={29: 0.75, 53: 0.9, 110: 0.75, 142: 0.55, 195: 0.6, 264: 0.65, 330: 1.0},
    )
    rgb = split_tone(rgb, shadows=(350, 0.030), highlights=(35, 0.040))
    return finish(matte(rgb, (0.15, 0.12, 0.135), (0.99, 0.93, 0.895)))


# Teal and orange: warm hues gather at orange, cool ones at teal; skin stays on the warm side.


def _teal_and_orange(rgb: Pixels, teal: Tint, orange: Tint, gather: float, foliage: float) -> Pixels:
    """`gather` 0..1 is how far hues move to the two poles, `foliage` the chroma that greens keep."""
    turn = {29: 16, 53: 4, 85: -16, 110: -30, 142: -20, 170: 18, 205: 0, 264: -54, 300: -40, 340: 18}
    greens: dict[float, float] = {120: foliage, 150: foliage}
    chroma: dict[float, float] = {29: 1.05, 53: 1.12, 90: 0.9, **greens, 205: 1.1, 264: 0.95, 300: 0.5, 340: 0.6}
    rgb = hue_curves(rgb, turn={hue: gather * angle for hue, angle in turn.items()}, chroma=chroma)
    return split_tone(rgb, shadows=teal, highlights=orange, protect_skin=0.9)


def teal_and_orange_1(rgb: Pixels) -> Pixels:
    """The classic, in balance."""
    rgb = tone(rgb, (0, 0), (0.22, 0.18), (0.5, 0.5), (0.78, 0.81), (1, 1))
    rgb = finish(_teal_and_orange(rgb, teal=(205, 0.046), orange=(62, 0.050), gather=0.7, foliage=0.7))
    return matte(rgb, (0.014, 0.02, 0.022))


def teal_and_orange_2(rgb: Pixels) -> Pixels:
    """Soft: matte blacks, pale teal, peach."""
    rgb = tone(rgb, (0, 0), (0.25, 0.27), (0.5, 0.55), (0.75, 0.79), (1, 1))
    rgb = _teal_and_orange(saturate(rgb, 0.8), teal=(205, 0.032), orange=(58, 0.032), gather=0.7, foliage=0.6)
    return finish(matte(rgb, (0.12, 0.165, 0.175), (0.98, 0.935, 0.885)))


def teal_and_orange_3(rgb: Pixels) -> Pixels:
    """The blockbuster: hard curve, strong poles."""
    rgb = tone(rgb, (0, 0), (0.2, 0.1), (0.5, 0.5), (0.78, 0.88), (1, 1))
    rgb = saturate(rgb, 1.7)
    rgb = _teal_and_orange(rgb, teal=(206, 0.080), orange=(62, 0.072), gather=1, foliage=0.55)
    return matte(finish(rgb), (0.01, 0.016, 0.018))


def teal_and_orange_4(rgb: Pixels) -> Pixels:
    """Orange leads: late sun, teal only in the depths."""
    rgb = tone(rgb, (0, 0), (0.22, 0.19), (0.5, 0.52), (0.78, 0.82), (1, 1))
    rgb = _teal_and_orange(rgb, teal=(205, 0.022), orange=(60, 0.085), gather=0.85, foliage=0.75)
    return matte(finish(rgb), (0.005, 0.012, 0.015), (0.985, 0.945, 0.86))


def teal_and_orange_5(rgb: Pixels) -> Pixels:
    """Teal leads: cold air and water, skin the only warmth."""
    rgb = tone(rgb, (0, 0), (0.22, 0.18), (0.5, 0.48), (0.78, 0.79), (1, 1))
    rgb = _teal_and_orange(rgb, teal=(206, 0.046), orange=(205, 0.026), gather=0.8, foliage=0.55)
    return matte(finish(rgb), (0.012, 0.024, 0.028), (0.955, 0.985, 0.98))


def teal_and_orange_6(rgb: Pixels) -> Pixels:
    """Dark and moody: inky teal blacks, embers for light."""
    rgb = tone(rgb, (0, 0), (0.25, 0.09), (0.5, 0.27), (0.75, 0.56), (1, 0.93))
    rgb = _teal_and_orange(saturate(rgb, 0.85), teal=(205, 0.050), orange=(55, 0.048), gather=0.9, foliage=0.5)
    return matte(finish(rgb), (0.015, 0.035, 0.045), (0.99, 0.955, 0.9))


# Strong looks.


def fortune(rgb: Pixels) -> Pixels:
    """Gold leaf on dark wood: rich gold highlights, deep warm shadows, other colours step back."""
    rgb = tone(rgb, (0, 0), (0.25, 0.12), (0.5, 0.41), (0.75, 0.74), (1, 1))
    rgb = hue_curves(
        rgb,
        turn={29: 12, 53: 12, 85: 0, 110: -18, 142: -30, 195: 0, 264: 0, 330: 20},
        chroma={29: 1.05, 53: 1.0, 85: 1.3, 110: 1.0, 142: 0.5, 195: 0.4, 264: 0.4, 330: 0.6},
    )
    rgb = split_tone(rgb, shadows=(55, 0.028), highlights=(82, 0.074))
    return matte(finish(rgb, roll_off=7), (0.02, 0.014, 0.008), (0.985, 0.94, 0.8))


def enchanted(rgb: Pixels) -> Pixels:
    """Fairy tale: teal shadows under magenta-violet light, all of it soft."""
    rgb = tone(rgb, (0, 0.02), (0.25, 0.28), (0.5, 0.55), (0.75, 0.79), (1, 1))
    rgb = hue_curves(
        rgb,
        turn={29: -14, 53: -12, 110: 18, 142: 30, 195: 15, 264: 28, 330: 0},
        chroma={29: 1.0, 53: 1.1, 110: 0.7, 142: 0.85, 195: 1.0, 264: 1.1, 330: 1.2},
    )
    rgb = split_tone(rgb, shadows=(200, 0.060), highlights=(320, 0.070), protect_skin=0.65)
    return finish(matte(rgb, (0.07, 0.11, 0.14), (0.99, 0.93, 0.985)))


def ultra(rgb: Pixels) -> Pixels:
    """Everything at full: open shadows snap into hard midtones, colours at the limit."""
    rgb = tone(rgb, (0, 0), (0.15, 0.05), (0.32, 0.21), (0.62, 0.77), (0.82, 0.93), (1, 1))
    rgb = hue_curves(saturate(rgb, 2.7), chroma={29: 1, 53: 0.95, 142: 1.1, 200: 1, 264: 1.0, 330: 1})
    return finish(rgb, roll_off=20)


def firecracker(rgb: Pixels) -> Pixels:
    """Embers and flame: reds and oranges glow, the rest burns down."""
    rgb = tone(rgb, (0, 0), (0.22, 0.13), (0.5, 0.48), (0.78, 0.85), (1, 1))
    rgb = hue_curves(
        rgb,
        turn={10: 12, 29: 4, 53: -8, 85: -22, 110: -40, 142: -50, 195: 0, 264: 25, 330: 30},
        chroma={29: 1.35, 53: 1.15, 85: 1.2, 110: 0.95, 142: 0.6, 195: 0.35, 264: 0.45, 330: 1.1},
    )
    rgb = split_tone(rgb, shadows=(25, 0.060), highlights=(52, 0.080))
    return matte(finish(rgb, roll_off=8), (0.03, 0.012, 0.01), (0.985, 0.92, 0.8))


def cyberpunk(rgb: Pixels) -> Pixels:
    """Neon: magenta light over cyan and blue shadows; every hue joins one of the two."""
    rgb = tone(rgb, (0, 0), (0.22, 0.16), (0.5, 0.43), (0.78, 0.74), (1, 1))
    rgb = hue_curves(
        rgb,
        turn={29: -32, 53: -52, 85: -75, 135: 70, 195: 25, 264: 0, 300: 20, 340: -5},
        chroma={29: 1.2, 53: 1.1, 95: 0.5, 142: 0.7, 195: 1.2, 264: 1.3, 330: 1.3},
    )
    rgb = split_tone(rgb, shadows=(222, 0.080), highlights=(335, 0.12))
    return finish(matte(rgb, (0.012, 0.06, 0.13), (0.995, 0.93, 0.99)), roll_off=8)


def darkness(rgb: Pixels) -> Pixels:
    """Low key: crushed, drained, a cold trace."""
    rgb = tone(rgb, (0, 0), (0.12, 0.012), (0.3, 0.09), (0.5, 0.25), (0.75, 0.5), (1, 0.8))
    rgb = saturate(rgb, 0.45)
    return finish(split_tone(rgb, shadows=(245, 0.014), highlights=(240, 0.006)))


# Pictures in one ink, and the one turned over.


def duotone_red(rgb: Pixels) -> Pixels:
    """Black, red, white by luminance."""
    return gradient_map(display_luminance(rgb), (0, "#000000"), (0.48, "#dc1f26"), (1, "#ffffff"))


def duotone_pink(rgb: Pixels) -> Pixels:
    """Black, pink, white by luminance."""
    return gradient_map(display_luminance(rgb), (0, "#000000"), (0.52, "#ff4fa3"), (1, "#ffffff"))


def duotone_green(rgb: Pixels) -> Pixels:
    """Black, green, white by luminance."""
    return gradient_map(display_luminance(rgb), (0, "#000000"), (0.5, "#1ea64b"), (1, "#ffffff"))


def duotone_yellow(rgb: Pixels) -> Pixels:
    """Black, yellow, white by luminance."""
    return gradient_map(display_luminance(rgb), (0, "#000000"), (0.62, "#fcd116"), (1, "#ffffff"))


def duotone_orange(rgb: Pixels) -> Pixels:
    """Black, orange, white by luminance."""
    return gradient_map(display_luminance(rgb), (0, "#000000"), (0.55, "#fb8213"), (1, "#ffffff"))


def night_vision(rgb: Pixels) -> Pixels:
    """A green phosphor tube: gain in the dark, bright parts bloom to pale green."""
    grey = curve(display_luminance(rgb), (0, 0.02), (0.2, 0.25), (0.5, 0.56), (1, 1))
    return gradient_map(grey, (0, "#000500"), (0.35, "#06480f"), (0.72, "#2fd44a"), (1, "#d6ffd2"))


def negative(rgb: Pixels) -> Pixels:
    """The picture turned over, each channel."""
    return 1 - rgb


RECIPES: dict[str, Recipe] = {
    "lovely_day": lovely_day,
    "action": action,
    "vivid": vivid,
    "north": north,
    "purple_rain": purple_rain,
    "winter": winter,
    "faded_Retro": faded_retro,
    "faded_HighNoon": faded_high_noon,
    "faded_Mist": faded_mist,
    "faded_Terra": faded_terra,
    "faded_Vista": faded_vista,
    "faded_C1": faded_c1,
    "faded_AL2": faded_al2,
    "teal_and_orange_1": teal_and_orange_1,
    "teal_and_orange_2": teal_and_orange_2,
    "teal_and_orange_3": teal_and_orange_3,
    "teal_and_orange_4": teal_and_orange_4,
    "teal_and_orange_5": teal_and_orange_5,
    "teal_and_orange_6": teal_and_orange_6,
    "fortune": fortune,
    "duotone_red": duotone_red,
    "duotone_pink": duotone_pink,
    "duotone_green": duotone_green,
    "duotone_yellow": duotone_yellow,
    "duotone_orange": duotone_orange,
    "spring": spring,
    "enchanted": enchanted,
    "ultra": ultra,
    "firecracker": firecracker,
    "cyberpunk": cyberpunk,
    "darkness": darkness,
    "night_vision": night_vision,
    "negative": negative,
}

# Nodes a side of the cubes for which the writer's coarsest grid is too coarse or close to it, by `--measure`.
GRIDS = {
    **dict.fromkeys(("lovely_day", "action", "purple_rain", "spring", "fortune"), 21),
    **dict.fromkeys(("faded_Retro", "faded_Vista"), 21),
    **dict.fromkeys(("teal_and_orange_1", "teal_and_orange_2", "teal_and_orange_4", "teal_and_orange_6"), 21),
    **dict.fromkeys(("north", "teal_and_orange_5", "enchanted", "firecracker", "cyberpunk"), 25),
    **dict.fromkeys(("vivid", "teal_and_orange_3"), 29),
    "ultra": 33,
}


def main() -> None:
    """Write the cubes, or print their errors."""
    parser = argparse.ArgumentParser(prog="python -m luts.recipes", description="Write the .cube presets.")
    parser.add_argument("--measure", action="store_true", help="print the cubes' errors instead; the last line is JSON")
    if parser.parse_args().measure:
        print_errors(RECIPES, GRIDS)
    else:
        paths = write_cubes(RECIPES, GRIDS)
        print(f"{len(paths)} presets in {FOLDER}, {sum(p.stat().st_size for p in paths) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
