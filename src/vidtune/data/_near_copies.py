"""Clips of two sets of samples that show the same under different names: what names and subjects cannot tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vidtune.core.errors import VideoMissing
from vidtune.core.locking import RunLock
from vidtune.core.progress import Progress, silent
from vidtune.data._collect import CollectedClip
from vidtune.data._doctor import SharedKind, exact_copies, examine_with_ledger, near_duplicates
from vidtune.data._examine import ExamineConfig
from vidtune.data._samples import Sample
from vidtune.data._videos import resolve_video


@dataclass(frozen=True)
class NearCopy:
    """An evaluated clip that shows the same as one of training."""

    kind: SharedKind
    """``copy``: the same bytes. ``near-duplicate``: the same pictures."""

    evaluated: str
    training: str


@dataclass(frozen=True)
class NearCopies:
    """What comparing the pictures of two sets of clips found."""

    pairs: tuple[NearCopy, ...]
    num_clips: int
    """Clips that were looked at, of both sets."""

    num_unread: int
    """Clips that could not be read, or are of one grey."""


@dataclass(frozen=True)
class ClipsOfTwoSets:
    """The files of evaluated and of training clips; a clip of both counts as neither, its name tells it already."""

    evaluated: dict[Path, str]
    training: dict[Path, str]

    @property
    def num_clips(self) -> int:
        """How many there are to look at."""
        return len(self.evaluated) + len(self.training)


def clips_of_two_sets(
    evaluated: Sequence[Sample], evaluated_root: Path, training: Sequence[Sample], training_root: Path
) -> ClipsOfTwoSets:
    """Find the files of two sets of samples; those that are not there are left out, and so are folders of frames."""
    ours, theirs = _files(evaluated, evaluated_root), _files(training, training_root)
    shared = ours.keys() & theirs.keys()
    return ClipsOfTwoSets(
        {path: video for path, video in ours.items() if path not in shared},
        {path: video for path, video in theirs.items() if path not in shared},
    )


def find_near_copies(clips: ClipsOfTwoSets, ledger: Path, progress: Progress = silent) -> NearCopies:
    """Look at all clips and return which evaluated ones show the same as one of training.

    Clips that an earlier look left in ``ledger``, unchanged, are not looked at again.

    Args:
        clips: Those to look at.
        ledger: Folder that keeps what was seen of each clip.
        progress: Called as clips are finished.

    Raises:
        DiskFull: If there is no room for the ledger.
        RunLocked: If another process looks at the same clips.
    """
    videos = {**clips.training, **clips.evaluated}
    collected = [CollectedClip(str(path), path, None, (), None, None, 1) for path in videos]
    with RunLock(ledger):
        seen, _ = examine_with_ledger(collected, ExamineConfig(num_frames=1), ledger, None, progress)
    records = [{**record, "video": str(path)} for path, record in seen.items()]
    pairs = []
    for kind, first, second in (*exact_copies(records), *near_duplicates(records)):
        for ours, theirs in ((Path(first), Path(second)), (Path(second), Path(first))):
            if ours in clips.evaluated and theirs in clips.training:
                pairs.append(NearCopy(kind, clips.evaluated[ours], clips.training[theirs]))
    num_unread = sum(not record.get("fingerprint") for record in records)
    return NearCopies(tuple(pairs), len(records) - num_unread, num_unread)


def _files(samples: Sequence[Sample], root: Path) -> dict[Path, str]:
    found = {}
    for video in dict.fromkeys(sample.video for sample in samples if sample.video):
        try:
            path = resolve_video(Sample(video, video, ()), root)
        except VideoMissing:
            continue
        if path.is_file():
            found[path.resolve()] = video
    return found
