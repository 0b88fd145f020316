"""What is to be heard of a sample: a sound file that it names, or the track of its clip."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vidtune.data._clip_source import clip_name, clip_source
from vidtune.data._config import DataConfig
from vidtune.data._samples import Sample
from vidtune.media import ClipPart, ReadLimits, Sound, SoundMissing, read_sound


@dataclass(frozen=True)
class SoundSource:
    """A file with sound."""

    path: Path

    is_named: bool
    """Whether the sample names it. The track of a clip may be missing; a file that is named may not."""

    start_s: float = 0.0
    """Where the part begins that is meant, in seconds from the beginning."""

    end_s: float | None = None
    """Where it ends. None: with the file."""

    def read(self, *, sample_rate_hz: int, max_duration_s: float, limits: ReadLimits | None = None) -> Sound | None:
        """Return what is heard; None for a clip without a track.

        Raises:
            VidtuneError: As ``read_sound``.
        """
        try:
            return read_sound(
                self.path,
                sample_rate_hz=sample_rate_hz,
                max_duration_s=max_duration_s,
                limits=limits,
                start_s=self.start_s,
                end_s=self.end_s,
            )
        except SoundMissing:
            if self.is_named:
                raise
            return None


def names_sound(sample: Sample) -> bool:
    """Whether the data name a sound file for the sample."""
    named = sample.meta.get("audio")
    return isinstance(named, str) and bool(named)


def sound_name(sample: Sample) -> str:
    """Return what is heard of a sample as one text: the file that it names and the part of it, or else its clip."""
    if not names_sound(sample):
        return clip_name(sample)
    part = [str(sample.meta.get(key)) for key in ("audio_start_s", "audio_end_s") if key in sample.meta]
    return " ".join([str(sample.meta["audio"]), *part])


def sound_source(sample: Sample, config: DataConfig) -> SoundSource | None:
    """Return what is heard of a sample, as ``config.sound`` says; None for nothing.

    A sound file is looked for in the folder of the videos, and beside the annotation file.

    Raises:
        SoundMissing: If the sample names a file that is in neither place.
        VideoMissing: If the clip whose track is to be heard is not there.
    """
    if config.sound == "none":
        return None
    if names_sound(sample):
        return named_sound(sample, (config.videos, config.path.parent))
    if config.sound == "named":
        return None
    clip = clip_source(sample, config.videos)
    part = clip if isinstance(clip, ClipPart) else ClipPart(clip)
    if not isinstance(part.source, Path):
        return None  # a folder of frames has no track
    return SoundSource(part.source, is_named=False, start_s=part.start_s, end_s=part.end_s)


def named_sound(sample: Sample, folders: Sequence[Path]) -> SoundSource:
    """Return the sound file that a sample names, and the part of it that is meant.

    Raises:
        SoundMissing: If it is in none of the folders.
    """
    start_s, end_s = sample.meta.get("audio_start_s", 0.0), sample.meta.get("audio_end_s")
    return SoundSource(find_sound_file(sample, folders), is_named=True, start_s=start_s, end_s=end_s)


def find_sound_file(sample: Sample, folders: Sequence[Path]) -> Path:
    """Return the sound file that a sample names, in the first of the folders that has it.

    Raises:
        SoundMissing: If none has it.
    """
    written = str(sample.meta["audio"])
    tried = [folder / written for folder in folders]
    leaves = ".." in written.replace("\\", "/").split("/")
    for path in tried:
        if not leaves and os.path.isfile(path):
            return path
    what = "leaves the folder with '..'" if leaves else f"was not found: looked at {', '.join(map(str, tried))}"
    raise SoundMissing(
        f"the sound file {written!r:.200} of {sample.sample_id} {what}.",
        "Write the path relative to the video folder or to the annotation file, or set data.sound=none.",
    )
