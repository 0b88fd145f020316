"""Damage frames on purpose: the table of corruptions, the setting of one, and the one function that applies it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from vidtune.config import Config
from vidtune.core.registry import Registry
from vidtune.media._frameset import FrameSet
from vidtune.media.corruption._clip import REFERENCE_SIDE_PX, Clip, Draws, Scope

Parameters = Mapping[str, float]
Levels = tuple[Parameters, Parameters, Parameters, Parameters, Parameters]
Five = tuple[float, float, float, float, float]
Family = Literal["noise", "blur", "light", "compression", "occlusion", "endoscopy", "time", "geometry"]


@dataclass(frozen=True)
class Corruption:
    """One way to damage a clip: a pure function and five levels of it."""

    family: Family
    summary: str
    levels: Levels
    """What the function is given at severity 1 to 5."""

    apply: Callable[[Clip, Parameters], Clip]
    """Return the damaged clip: as many frames, at the same times. The given one is not changed."""

    scope: Scope | None = None
    """Whether it draws anew for every frame or once for the clip, when nobody says; None: it draws nothing."""

    needs_whole_clip: bool = False
    """Whether a frame depends on frames around it. If not, a long clip may be damaged piece by piece."""

    mirrors: bool = False
    """Whether left and right change places, so that what is said about the clip must follow."""

    drops_frames: bool = False
    """Whether a repeated frame stands for one that was lost; a file then does not hold it."""

    encodes_crf: bool = False
    """Whether the damage is that of an encoder; a file is then written by it and not encoded a second time."""

    source: str = ""
    """Where the levels come from, when somebody published them."""


def levels(**numbers: Five) -> Levels:
    """Return five levels from the five values of each parameter.

    Example:
        >>> levels(sigma=(0.1, 0.2, 0.3, 0.4, 0.5))[0]
        {'sigma': 0.1}
    """
    one, two, three, four, five = ({name: values[index] for name, values in numbers.items()} for index in range(5))
    return one, two, three, four, five


corruptions: Registry[Corruption] = Registry(
    "corruption",
    {
        name: f"vidtune.media.corruption.{family}:{name}"
        for family, names in {
            "noise": "gaussian_noise shot_noise impulse_noise speckle_noise salt_noise pepper_noise",
            "blur": "gaussian_blur defocus_blur motion_blur temporal_blur",
            "light": "brightness contrast low_light add multiply saturate invert",
            "compression": "jpeg h264 pixelate",
            "occlusion": "occlusion_fixed occlusion_random occlusion_tracked",
            "endoscopy": "smoke specular",
            "time": "frame_drop frame_freeze frame_duplicate frame_shuffle frame_reverse frame_jitter fps_change",
            "geometry": "crop rotate translate shear elastic rescale mirror flip_vertical",
        }.items()
        for name in names.split()
    },
)


class CorruptionConfig(Config):
    """One damage: which, how strong, and how its random numbers are drawn."""

    kind: str
    """Name of a corruption, e.g. `gaussian_noise`."""

    severity: Annotated[int, Field(ge=0, le=5)] | None = None
    """1 mild to 5 severe; 0 changes nothing, to the last bit. Required unless parameters are given."""

    parameters: dict[str, float] = {}
    """Instead of a severity: the corruption's own numbers, all of those that its levels have."""

    randomness: Scope | None = None
    """`clip`: one draw for the whole clip. `frame`: a draw for each frame. None: the corruption's own habit."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Same seed, same clip, same damage."""

    lengths: Literal["relative", "pixels"] = "relative"
    """What a pixel of the levels is: `relative` to a short side of 224, as published, or a pixel of the clip."""

    @model_validator(mode="after")
    def _fits_the_corruption(self) -> Self:
        try:
            corruption = corruptions.get(self.kind)
        except LookupError as exc:
            raise ValueError(str(exc)) from exc
        if (self.severity is None) == (not self.parameters):
            raise ValueError(f"give either a severity or parameters of {self.kind!r}, found both or neither")
        if self.parameters and set(self.parameters) != set(corruption.levels[0]):
            raise ValueError(
                f"parameters of {self.kind!r} are {', '.join(corruption.levels[0]) or 'none'}, "
                f"found {', '.join(self.parameters)}"
            )
        if self.randomness is not None and corruption.scope is None:
            raise ValueError(f"randomness has no effect on {self.kind!r}: it draws nothing")
        return self

    @property
    def changes_nothing(self) -> bool:
        """Whether the clip stays as it is."""
        return self.severity == 0

    def resolved(self) -> Parameters:
        """Return the numbers that the corruption works with; empty at severity 0."""
        if self.severity is None:
            return self.parameters
        return corruptions.get(self.kind).levels[self.severity - 1] if self.severity else {}

    def to_record(self) -> dict[str, Any]:
        """Return all that a file or a prediction must say to be repeated."""
        return {
            "kind": self.kind,
            "severity": self.severity,
            "parameters": dict(self.resolved()),
            "randomness": self.randomness or corruptions.get(self.kind).scope,
            "seed": self.seed,
            "lengths": self.lengths,
        }


def corrupt_frames(frameset: FrameSet, config: CorruptionConfig, *, clip_key: str | None = None) -> FrameSet:
    """Return damaged frames: as many, at the same times. The given ones stay as they are.

    A corruption of time changes which frame is shown when, and ``indices`` then says which it is; frames that are
    shown again count as ``padded``.

    Args:
        frameset: Undamaged frames.
        config: The damage. At severity 0 the very same object is returned.
        clip_key: What the random numbers hang on besides the seed; default: the hash of the source.

    Raises:
        ValueError: If a parameter is out of the range that the corruption can work with.
    """
    if config.changes_nothing:
        return frameset
    corruption = corruptions.get(config.kind)
    height, width = frameset.frames_thwc.shape[1:3]
    clip = Clip(
        frames_thwc=frameset.frames_thwc,
        indices=frameset.indices,
        times_s=frameset.times_s,
        fps=frameset.fps,
        draws=Draws(
            config.seed,
            config.kind,
            frameset.source_sha256 if clip_key is None else clip_key,
            config.randomness or corruption.scope or "clip",
        ),
        unit_px=min(height, width) / REFERENCE_SIDE_PX if config.lengths == "relative" else 1.0,
    )
    damaged = corruption.apply(clip, config.resolved())
    padded = frameset.padded
    if damaged.indices != frameset.indices:
        padded = len(damaged.indices) - len(set(damaged.indices))
    return replace(frameset, frames_thwc=damaged.frames_thwc, indices=damaged.indices, padded=padded)
