"""Which frames of a clip the model sees: the setting, what a choice is, and the table of selectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, NamedTuple, Protocol, Self

from pydantic import Field, ValidationError, model_validator

from vidtune.config import Config
from vidtune.core.registry import Registry

if TYPE_CHECKING:
    from vidtune.media._clip_view import ClipView

OptionValue = bool | int | float | str | None


class SamplingConfig(Config):
    """Which frames of a clip the model sees."""

    kind: str = "uniform"
    """`uniform`: num_frames spread over the clip. `fps`: a fixed rate, capped by num_frames. `hybrid`: spread, and
    drawn to what the question is about. `vidtune frames --help` lists all selectors; a plugin may add its own."""

    num_frames: Annotated[int, Field(ge=1, le=1024)] = 8
    """Frames given to the model; with `fps` the most that are given."""

    fps: Annotated[float, Field(gt=0, le=60)] | None = None
    """Frames per second of presentation time. Required when the selector goes by rate, refused otherwise."""

    options: Mapping[str, OptionValue] = Field(default_factory=dict)
    """Settings of this selector alone, e.g. `coverage_share` of `hybrid`. One that it does not have is refused."""

    def query_for(self, question: str) -> str | None:
        """Return what the selector is to be told of a question; None where it would make no difference."""
        return question if question and selectors.get(self.kind).takes_query else None

    @model_validator(mode="after")
    def _fits_the_selector(self) -> Self:
        try:
            selector = selectors.get(self.kind)
        except LookupError as exc:
            raise ValueError(str(exc)) from exc
        if selector.needs_fps != (self.fps is not None):
            verb = "is required" if selector.needs_fps else "has no effect"
            raise ValueError(f"fps {verb} when kind is {self.kind!r}, found fps={self.fps}.")
        try:
            selector.options_class.model_validate(dict(self.options))
        except ValidationError as exc:
            known = ", ".join(selector.options_class.model_fields) or "none"
            found = "; ".join(f"{'.'.join(map(str, error['loc']))}: {error['msg']}" for error in exc.errors())
            raise ValueError(f"options of {self.kind!r}: {found}. It has: {known}.") from exc
        return self


class NoOptions(Config):
    """The settings of a selector that has none."""


class Curve(NamedTuple):
    """Something measured along a clip."""

    times_s: tuple[float, ...]
    """When, in seconds after the first frame; ascending."""

    values: tuple[float, ...]
    """As many as there are times."""


@dataclass(frozen=True)
class Selection:
    """The frames that a selector chose, and why."""

    times_s: tuple[float, ...]
    """Ascending, in seconds after the first frame, each in ``[0, duration_s)``."""

    reasons: tuple[str, ...]
    """Of each frame, in a few words, why it was chosen."""

    curves: Mapping[str, Curve] = field(default_factory=dict)
    """What the choice was made from, by name (``motion``, ``relevance``, ...)."""

    def __post_init__(self) -> None:
        if len(self.times_s) != len(self.reasons) or not self.times_s:
            raise ValueError(f"expected a reason for each of at least one time, found {len(self.reasons)} reasons.")
        if any(later < earlier for earlier, later in zip(self.times_s, self.times_s[1:], strict=False)):
            raise ValueError("the times of a selection must ascend.")


class Selector(Protocol):
    """One way to choose frames. A selector is one file of ``media/selection``, or of a plugin."""

    needs_fps: bool
    """Whether it goes by ``SamplingConfig.fps``."""

    takes_query: bool
    """Whether it can go by what is asked about the clip."""

    options_class: type[Config]
    """What may stand in ``SamplingConfig.options``."""

    def select(self, view: ClipView, sampling: SamplingConfig) -> Selection:
        """Return ``sampling.num_frames`` times; the same view and setting give the same ones.

        A selector that goes by rate, or by the number of frames in the clip, may return fewer, never more.
        """


selectors = Registry[Selector](
    "selector",
    {
        name: f"vidtune.media.selection.{name}:{name}"
        for name in (
            "aks",
            "bolt",
            "dpp",
            "entropy",
            "equicontour",
            "farthest",
            "fps",
            "hybrid",
            "keyframe",
            "maxvol",
            "medoids",
            "motion",
            "quantization",
            "representative",
            "scene",
            "topk",
            "uniform",
        )
    },
)
