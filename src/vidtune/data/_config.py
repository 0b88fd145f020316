"""What a recipe says about data, and the samples it stands for."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from vidtune.config import Config
from vidtune.core.errors import DataInvalid
from vidtune.data._read import read_dataset
from vidtune.data._samples import Dataset, Sample
from vidtune.data.readers import readers

_MAX_NAMED = 5


class DataConfig(Config):
    """Which samples of which file, and where their videos are."""

    path: Path
    """Annotation file of any known format, or a folder of clips."""

    videos: Path
    """Folder of the videos, flat or nested."""

    format: str = "auto"
    """Name of the annotation format; `auto` decides by the keys of the records."""

    split: str | None = None
    """Only samples of this split, as the file names it. None: all."""

    limit: Annotated[int, Field(ge=1)] | None = None
    """Only the first so many samples, after split and exclude. None: all."""

    subtitles: Path | None = None
    """Folder of subtitle files, for data that names them: what is said while the frames are on screen is shown with
    them. None: questions are asked without."""

    subtitle_place: Literal["auto", "between", "before"] = "auto"
    """Where they stand: `between` the frames, in the order of time, or `before` the question, with the numbers of their
    frames. `auto`: where the data's own protocol puts them, if the model can have words between frames; else before."""

    sound: Literal["named", "clip", "none"] = "named"
    """What a model that hears is given besides the frames. `named`: the sound file that a sample names (`audios`, a
    spoken question). `clip`: also the clip's own track, where a sample names none. `none`: nothing. Models without an
    audio tower are given none, and that is said."""

    exclude: tuple[str, ...] = ()
    """Samples to leave out, by id or by video path as written in the file."""

    @field_validator("format")
    @classmethod
    def _format_is_known(cls, value: str) -> str:
        if value != "auto" and value not in readers.names():
            raise ValueError(f"no such format; known: auto, {', '.join(readers.names())}")
        return value

    @model_validator(mode="after")
    def _subtitles_have_a_place_where_there_are_some(self) -> Self:
        if self.subtitle_place != "auto" and self.subtitles is None:
            raise ValueError(
                f"subtitle_place={self.subtitle_place!r} has no effect without subtitles: name their folder, or leave "
                "it out."
            )
        return self


def load_samples(config: DataConfig) -> Dataset:
    """Read the file of ``config`` and keep the samples it asks for.

    Raises:
        DataInvalid: If the file does not hold, has no such split, or lacks an excluded sample.
    """
    dataset = read_dataset(config.path, format=config.format)
    lists: Mapping[str, str] = getattr(readers.get(dataset.format), "split_lists", {})
    if config.split is not None and config.split in lists and config.split not in _splits(dataset.samples):
        raise DataInvalid(
            f"the split {config.split!r} is no part of {config.path}, it is a list of its own: "
            f"{config.path.with_name(lists[config.split])} with one id a line is expected.",
            f"Get it from those who made the split, put it beside {config.path.name} and name it as data.path.",
        )
    samples = select(dataset.samples, split=config.split, limit=config.limit, exclude=config.exclude, path=config.path)
    return replace(dataset, samples=samples)


def select(
    samples: Sequence[Sample], *, split: str | None, limit: int | None, exclude: Sequence[str], path: Path
) -> tuple[Sample, ...]:
    """Return the samples of one split without the excluded ones, at most ``limit`` of them."""
    _check_excluded(samples, exclude, path)
    left_out = set(exclude)
    kept = [sample for sample in samples if not {sample.sample_id, sample.video} & left_out]
    if split is not None:
        known = sorted(_splits(samples))
        if split not in known:
            found = f"the splits {', '.join(known)}" if known else "no splits"
            raise DataInvalid(f"{path} has {found}, expected {split!r}.", "Name a split of the file, or none.")
        kept = [sample for sample in kept if sample.split == split]
    if not kept:
        raise DataInvalid(f"{path} has no sample left after split and exclude.", "Loosen data.split or data.exclude.")
    return tuple(kept[:limit])


def _splits(samples: Sequence[Sample]) -> set[str]:
    return {sample.split for sample in samples if sample.split is not None}


def _check_excluded(samples: Sequence[Sample], exclude: Sequence[str], path: Path) -> None:
    names = {sample.sample_id for sample in samples} | {sample.video for sample in samples}
    unknown = [name for name in exclude if name not in names]
    if not unknown:
        return
    near = difflib.get_close_matches(unknown[0], names, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    raise DataInvalid(
        f"data.exclude names {len(unknown)} sample(s) that {path} does not have: {', '.join(unknown[:_MAX_NAMED])}.",
        f"{hint}Give ids or video paths as the file has them.",
    )
