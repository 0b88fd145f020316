"""What a recipe says about data, and the samples it stands for."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator

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
    """Folder of subtitle files, for data that names them: what is said while the frames are on screen is put before
    the question. None: questions are asked without."""

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


def load_samples(config: DataConfig) -> Dataset:
    """Read the file of ``config`` and keep the samples it asks for.

    Raises:
        DataInvalid: If the file does not hold, has no such split, or lacks an excluded sample.
    """
    dataset = read_dataset(config.path, format=config.format)
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
        known = sorted({sample.split for sample in samples if sample.split is not None})
        if split not in known:
            found = f"the splits {', '.join(known)}" if known else "no splits"
            raise DataInvalid(f"{path} has {found}, expected {split!r}.", "Name a split of the file, or none.")
        kept = [sample for sample in kept if sample.split == split]
    if not kept:
        raise DataInvalid(f"{path} has no sample left after split and exclude.", "Loosen data.split or data.exclude.")
    return tuple(kept[:limit])


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
