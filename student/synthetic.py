"""Made-up training rows: degrees and antonyms of the controls, and requests that are not about colour.

A sentence encoder puts "more contrast" next to "less contrast" and "slightly" next to "much"; the recorded
corpus shows each pair a few times only. These rows spell them out. They follow the teacher's conventions
(plain comparative about 20 to 25, slightly 10, much 40) and never repeat a recorded text: see `rows`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from editor.tools import COLORS, Edit
from student.dataset import Row, normalise

DOMAIN = "synthetic"

# factor on the plain value, and the words for it
DEGREES: dict[float, tuple[str, ...]] = {
    0.3: ("barely", "a hint", "the tiniest bit"),
    0.45: ("slightly", "a little", "a bit", "a touch", "somewhat", "a tad", "subtly"),
    1.0: ("", "make it", "please", "noticeably"),
    1.7: ("much", "a lot", "far", "way", "considerably", "really"),
    2.3: ("extremely", "massively", "insanely", "as much as possible,"),
}

# words that follow a degree: parameter and the plain value
COMPARATIVES: dict[str, tuple[str, int]] = {
    "warmer": ("temperature", 20),
    "cooler": ("temperature", -20),
    "colder": ("temperature", -25),
    "hotter": ("temperature", 25),
    "brighter": ("exposure", 20),
    "lighter": ("exposure", 18),
    "darker": ("exposure", -20),
    "dimmer": ("exposure", -18),
    "more exposed": ("exposure", 20),
    "less exposed": ("exposure", -20),
    "more contrast": ("contrast", 22),
    "less contrast": ("contrast", -22),
    "contrastier": ("contrast", 22),
    "flatter": ("contrast", -22),
    "more saturated": ("saturation", 25),
    "less saturated": ("saturation", -25),
    "more colourful": ("saturation", 25),
    "more muted": ("saturation", -25),
    "more vibrance": ("vibrance", 25),
    "less vibrance": ("vibrance", -25),
    "sharper": ("sharpen", 25),
    "more texture": ("structure", 25),
    "more glow": ("bloom", 25),
    "glowier": ("bloom", 25),
    "more magenta": ("tint", 20),
    "greener tint": ("tint", -20),
    "brighter highlights": ("highlights", 22),
    "darker highlights": ("highlights", -22),
    "brighter shadows": ("shadows", 22),
    "darker shadows": ("shadows", -22),
    "more faded": ("linearOffset", 18),
    "deeper blacks": ("linearOffset", -12),
    "lighter midtones": ("brightness", 20),
    "darker midtones": ("brightness", -20),
}

# words before or after a colour's plural: parameter and the plain value
SHIFTS: dict[str, tuple[str, int]] = {
    "stronger": ("saturation", 28),
    "richer": ("saturation", 25),
    "more intense": ("saturation", 30),
    "calmer": ("saturation", -25),
    "more muted": ("saturation", -30),
    "weaker": ("saturation", -25),
    "darker": ("luminance", -22),
    "deeper": ("luminance", -18),
    "lighter": ("luminance", 20),
    "brighter": ("luminance", 22),
}


def _cut(text: str) -> tuple[str, ...]:
    """The parts of a text between bars."""
    return tuple(part.strip() for part in text.split("|"))


_THINGS = _cut("""
    tree | car | lamp post | logo | tourist | bird | chair | sign | wire | shadow of the photographer | watermark |
    hat | dog | cat | moustache | second person | bicycle | trash can | phone | balloon | rainbow | boat | mirror |
    window | poster | horse | scratch | date stamp | sofa | bottle | cup | face | tattoo | pair of glasses | crowd |
    moon | spaceship | castle
""")
_OBJECT_EDITS = _cut("""
    remove the {a} | erase the {a} on the left | add a {a} | put a {a} in the corner | replace the {a} with a {b} |
    swap the {a} for a {b} | move the {a} to the right | make the {a} bigger | delete that {a} | clone the {a} | cut
    out the {a} | turn the {a} into a {b} | give him a {a} | can you get rid of the {a} | track the {a} | where is
    the {a} | is that a {a} | how much does a {a} cost | draw a {a} | blur out the {a}
""")
_EDIT_COMMANDS = _cut("""
    crop to {n} by {m} | crop it square | rotate by {n} degrees | flip horizontally | mirror the clip | trim the
    first {n} seconds | cut the last {n} seconds | speed it up {n} times | slow motion | play it backwards | mute
    the sound | add background music | turn the volume up | add subtitles | add a title | add my name in the corner
    | export as mp4 | save as png | resize to {n} pixels | make it {n} fps | loop the clip | merge both clips |
    split at {n} seconds | straighten the horizon | stabilise the video | make a collage | zoom in on the face |
    compress the file | undo | redo | start over please | open the other file | delete this | share it with mum |
    print this | upload to instagram | change the aspect ratio to {n}:{m} | add a border | picture in picture |
    remove the background | upscale to {n}k | convert to gif | set a timer for {n} minutes | fade out the audio |
    add a voiceover
""")
_CHAT = _cut("""
    what is {n} plus {m} | {n} times {m} | what's the square root of {n} | who are you | what can you do | are you a
    robot | how old are you | do you speak {l} | translate this to {l} | how do i say hello in {l} | tell me a story
    | sing a song | what time is it | what day is it today | will it rain tomorrow | what's the weather in {p} |
    what is the capital of {p} | how far is {p} | book a flight to {p} | what language do they speak in {p} | what's
    the population of {p} | best restaurant in {p} | who is the president of {p} | write an email to my boss | write
    a poem | write python code | fix my code | summarise this article | recipe for pancakes | how do i boil an egg |
    how many calories in a {f} | order a {f} | where can i buy a {f} | remind me to buy a {f} | i am hungry | i'm
    bored | thank you | thanks a lot | hello there | good morning | good night | how are you | nice to meet you |
    what's your name | see you later | okay | yes | no | never mind | cancel | help me | i need help with my
    homework | call mum | send a message to tom | what's my password | reset my account | how do i cancel my
    subscription | is this free | refund please | contact support | play the next song | stop | who won the match |
    what's the score | stock price today | convert {n} dollars to euros | how tall is mount everest | define entropy
    | spell necessary | why is the sky up there | does god exist | i hate mondays | my back hurts | lol | asdfgh |
    test | {n} | {n} {m} {n} | qwerty | hmm | can you hear me | is anyone there | explain quantum physics | what is
    love | marry me
""")
_PLACES = _cut("""
    peru | france | kenya | japan | canada | norway | egypt | brazil | india | texas | berlin | madrid | rome |
    tokyo | london
""")
_LANGUAGES = _cut("""
    french | spanish | german | japanese | italian | arabic | hindi
""")
_FOODS = _cut("""
    banana | pizza | burger | sandwich | coffee | apple | taxi | cake
""")


def degree_rows() -> Iterator[Row]:
    """Every comparative with every degree."""
    for (factor, words), (comparative, (parameter, plain)) in itertools.product(DEGREES.items(), COMPARATIVES.items()):
        edit = Edit.from_dict({"adjust": {parameter: _scaled(plain, factor)}})
        for word in words:
            text = f"{comparative} please" if word == "please" else f"{word} {comparative}".strip()
            yield Row(text, "", edit, None, DOMAIN)


def colour_rows() -> Iterator[Row]:
    """Every colour with every shift and degree."""
    for factor, words in DEGREES.items():
        for colour, (shift, (parameter, plain)) in itertools.product(COLORS, SHIFTS.items()):
            edit = Edit.from_dict({"selective_adjust": {colour: {parameter: _scaled(plain, factor)}}})
            for word in words:
                text = f"{shift} {colour}s please" if word == "please" else f"{word} {shift} {colour}s".strip()
                yield Row(text, "", edit, None, DOMAIN)


def other_rows(seed: int = 0) -> Iterator[Row]:
    """Requests for which no colour tool is right."""
    rng = np.random.default_rng(seed)

    def filled(template: str) -> str:
        a, b = rng.choice(_THINGS, 2, replace=False)
        n, m = rng.integers(2, 90, 2)
        return template.format(
            a=a, b=b, n=n, m=m, p=rng.choice(_PLACES), l=rng.choice(_LANGUAGES), f=rng.choice(_FOODS)
        )

    for template, times in [*((t, 12) for t in _OBJECT_EDITS), *((t, 4) for t in (*_EDIT_COMMANDS, *_CHAT))]:
        for _ in range(times if "{" in template else 1):
            yield Row(filled(template), "", Edit(), None, DOMAIN)


def rows(recorded: Iterable[str], seed: int = 0) -> list[Row]:
    """All synthetic rows whose texts are not among the recorded ones, each text once."""
    known = {normalise(text) for text in recorded}
    found = []
    for row in itertools.chain(degree_rows(), colour_rows(), other_rows(seed)):
        key = normalise(row.intent)
        if key not in known:
            known.add(key)
            found.append(row)
    return found


def _scaled(plain: int, factor: float) -> int:
    """A multiple of 5 but never 0, as the teacher writes values, within ±100."""
    value = max(5, round(abs(plain) * factor / 5) * 5)
    return int(np.sign(plain)) * min(value, 100)
