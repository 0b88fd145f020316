"""Whether evaluated clips show the same as clips of training: when it is looked at, and when it is not."""

from __future__ import annotations

from collections.abc import Sequence

from vidtune.core.progress import Progress, silent
from vidtune.core.rundir import RunDirectory
from vidtune.data import NearCopies, Sample, clips_of_two_sets, find_near_copies
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._reference import ReferenceSet, videos_of

_MAX_CLIPS_UNASKED = 400
"""As many take seconds; more are looked at when asked for."""


def look_for_copies(
    samples: Sequence[Prediction],
    reference: ReferenceSet,
    run: RunDirectory,
    wanted: bool | None,
    progress: Progress = silent,
) -> tuple[NearCopies | None, str]:
    """Return what comparing pictures found, or None and why they were not compared.

    What was seen of each clip is kept in the run directory, so that it is looked at once.
    """
    if not reference.is_training or wanted is False:
        return None, "" if not reference.is_training else "it was not wanted"
    ours, theirs = videos_of(run), reference.videos or videos_of(run)
    if ours is None or theirs is None or not ours.is_dir() or not theirs.is_dir():
        return None, "the clips are not at hand"
    clips = clips_of_two_sets(_clips_of(samples), ours, _clips_of(reference.samples), theirs)
    if not clips.evaluated or not clips.training:
        return None, "the clips are not at hand"
    if wanted is None and clips.num_clips > _MAX_CLIPS_UNASKED:
        return None, (
            f"there are {clips.num_clips:,} clips, and more than {_MAX_CLIPS_UNASKED} are looked at with --near-copies "
            "only"
        )
    return find_near_copies(clips, run.leakage, progress), ""


def _clips_of(samples: Sequence[Prediction]) -> list[Sample]:
    return [Sample(one.sample_id, one.video, ()) for one in samples if one.video]
