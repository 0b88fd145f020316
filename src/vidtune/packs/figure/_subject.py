"""Who is drawn: build, skin, hair and clothes, with the names of their colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Rgb = tuple[int, int, int]

CLOTH_COLOURS: dict[str, Rgb] = {
    "red": (205, 40, 45),
    "orange": (240, 130, 30),
    "yellow": (238, 205, 50),
    "green": (40, 150, 65),
    "teal": (20, 150, 155),
    "blue": (40, 85, 200),
    "purple": (125, 55, 165),
    "pink": (235, 120, 170),
    "white": (238, 238, 236),
    "grey": (135, 138, 142),
    "black": (38, 38, 42),
}
"""Named colours of tops, trousers, shorts and shoes."""

SKIN_TONES: dict[str, Rgb] = {
    "pale": (245, 214, 196),
    "light": (228, 184, 152),
    "tan": (198, 146, 106),
    "brown": (150, 100, 68),
    "dark": (98, 64, 46),
}

HAIR_COLOURS: dict[str, Rgb] = {
    "black": (28, 24, 24),
    "brown": (84, 54, 34),
    "blond": (214, 176, 104),
    "red": (160, 74, 34),
    "grey": (158, 156, 154),
}

HAIR_KINDS = ("short", "bald", "bun", "ponytail", "long")
TOP_KINDS = ("t-shirt", "vest", "long sleeves")
BOTTOM_KINDS = ("trousers", "shorts")


@dataclass(frozen=True)
class Build:
    """Sizes of one body. Factors are relative to an average adult of that stature."""

    stature_m: float = 1.72
    girth: float = 1.0
    """Thickness of trunk and limbs."""
    leg_length: float = 1.0
    arm_length: float = 1.0
    shoulder_width: float = 1.0
    hip_width: float = 1.0
    head_size: float = 1.0


@dataclass(frozen=True)
class Subject:
    """One person. The same subject looks the same in every clip."""

    subject_id: str
    build: Build = Build()
    skin: str = "light"
    hair: str = "brown"
    hair_kind: str = "short"
    top: str = "blue"
    top_kind: str = "t-shirt"
    bottom: str = "black"
    bottom_kind: str = "trousers"
    shoes: str = "white"


def sample_subject(rng: np.random.Generator, subject_id: str) -> Subject:
    """Return a person drawn from ``rng``; top and bottom never share a colour."""

    def pick(names: tuple[str, ...]) -> str:
        return names[int(rng.integers(len(names)))]

    def about_one(spread: float) -> float:
        return float(1.0 + np.clip(rng.normal(0.0, spread), -2 * spread, 2 * spread))

    colours = tuple(CLOTH_COLOURS)
    top = pick(colours)
    bottom = pick(tuple(name for name in colours if name != top))
    return Subject(
        subject_id=subject_id,
        build=Build(
            stature_m=float(rng.uniform(1.52, 1.92)),
            girth=float(rng.uniform(0.85, 1.35)),
            leg_length=about_one(0.03),
            arm_length=about_one(0.03),
            shoulder_width=about_one(0.05),
            hip_width=about_one(0.06),
            head_size=about_one(0.05),
        ),
        skin=pick(tuple(SKIN_TONES)),
        hair=pick(tuple(HAIR_COLOURS)),
        hair_kind=pick(HAIR_KINDS),
        top=top,
        top_kind=pick(TOP_KINDS),
        bottom=bottom,
        bottom_kind=pick(BOTTOM_KINDS),
        shoes=pick(colours),
    )
