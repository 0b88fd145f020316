"""Listen to the sound file of every sample that names one: is it there, and can it be heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vidtune.core.errors import VidtuneError
from vidtune.core.progress import Progress, silent
from vidtune.data._probe_each import probe_each
from vidtune.data._samples import Sample
from vidtune.data._sound_source import find_sound_file, named_sound, names_sound, sound_name
from vidtune.media import ReadLimits

_RATE_HZ = 16_000
_LISTENED_S = 30.0
"""What the models that hear take of it."""


@dataclass(frozen=True)
class ProbedSound:
    """One sound file as written in the annotation, or the part of it that a sample means, and what became of it."""

    sound: str
    path: Path | None
    duration_s: float | None
    """How long it is by its header."""

    error: VidtuneError | None


def probe_sounds(
    samples: Sequence[Sample], folders: Sequence[Path], *, timeout_s: float = 10.0, progress: Progress = silent
) -> list[ProbedSound]:
    """Find each sound that ``samples`` name and decode its first 30 seconds, once.

    Args:
        samples: Whose sounds.
        folders: Where they are looked for: the folder of the videos, and that of the annotation file.
        timeout_s: For one file; a file that takes longer is reported, the others go on.
        progress: Called as files are finished.
    """
    limits = ReadLimits(timeout_s=timeout_s)

    def probe(sample: Sample) -> ProbedSound:
        path: Path | None = None
        written = str(sample.meta["audio"])
        try:
            source = named_sound(sample, folders)
            path = source.path
            heard = source.read(sample_rate_hz=_RATE_HZ, max_duration_s=_LISTENED_S, limits=limits)
            return ProbedSound(written, path, None if heard is None else heard.requested_s, None)
        except VidtuneError as exc:
            return ProbedSound(written, path, None, exc)

    named = [sample for sample in samples if names_sound(sample)]
    return probe_each(named, sound_name, probe, progress, "probing sounds")


def missing_sounds(samples: Sequence[Sample], folders: Sequence[Path]) -> list[tuple[Sample, str]]:
    """Return the samples whose sound file is in none of ``folders``, each with the reason; nothing is opened."""
    found = []
    for sample in samples:
        if names_sound(sample):
            try:
                find_sound_file(sample, folders)
            except VidtuneError as exc:
                found.append((sample, exc.problem))
    return found
