"""Is this data set fit to train and to measure on? Every doubt at once, before anything is spent.

An error would stop a run or make its score a lie: a video that is missing or unreadable, a clip on both sides of a
split. A warning is something to know when the score is read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from vidtune.core.errors import VidtuneError
from vidtune.core.hashing import sha256_file
from vidtune.core.progress import Progress, silent
from vidtune.data._clip_source import clip_name, note_windows
from vidtune.data._leakage import LeakKind, find_leaks
from vidtune.data._paths import clean_path, compose, parent_name
from vidtune.data._probe import ProbedVideo, probe_videos
from vidtune.data._probe_sound import ProbedSound, probe_sounds
from vidtune.data._samples import Dataset, Sample
from vidtune.data._sound_source import names_sound
from vidtune.data._stats import DatasetStats, describe_dataset

Level = Literal["ok", "warn", "error"]

_MAX_NAMED = 3
_END_TOLERANCE_S = 0.5
_LARGE_IMBALANCE = 10
_PLACEHOLDERS = {"no feedback available", "no feedback available.", "n/a", "none", "todo", "-"}


@dataclass(frozen=True)
class Finding:
    """The outcome of one check."""

    check: str
    level: Level
    message: str
    items: tuple[str, ...] = ()
    """Everything concerned: ids, videos or errors, one text each."""


@dataclass(frozen=True)
class CheckReport:
    """What was found about one annotation file and its videos."""

    path: Path
    findings: tuple[Finding, ...]
    stats: DatasetStats

    @property
    def level(self) -> Level:
        """The worst level of all findings."""
        levels = {finding.level for finding in self.findings}
        return "error" if "error" in levels else "warn" if "warn" in levels else "ok"

    def to_record(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "path": str(self.path),
            "level": self.level,
            "findings": [asdict(finding) for finding in self.findings],
            "stats": self.stats.to_record(),
        }


def check_dataset(
    dataset: Dataset,
    videos_root: Path | str,
    *,
    against: Mapping[str, Dataset] | None = None,
    timeout_s: float = 10.0,
    progress: Progress = silent,
) -> CheckReport:
    """Check a data set, its videos, and what it shares with others.

    Args:
        dataset: What was read.
        videos_root: Folder of its videos.
        against: Other files by name, such as the training part of this test part: nothing may be in both.
        timeout_s: For opening one video, or one sound file.
        progress: Called as videos and sound files are finished.
    """
    probed = probe_videos(dataset.samples, videos_root, timeout_s=timeout_s, progress=progress)
    folders = (Path(videos_root), dataset.path.parent)
    heard = probe_sounds(dataset.samples, folders, timeout_s=timeout_s, progress=progress)
    durations_s = {item.video: item.info.duration_s for item in probed if item.info is not None}
    stats = describe_dataset(dataset.samples, durations_s=durations_s)
    findings = [
        *(Finding("file", "ok", note) for note in dataset.notes),
        *_check_videos(probed, videos_root),
        *_check_sounds(heard, dataset.samples),
        *_check_places(probed, Path(videos_root)),
        *_check_copies(probed),
        *_check_repeats(dataset.samples),
        *_check_windows(dataset.samples, durations_s),
        *_check_leakage(dataset, against or {}),
        *_check_answers(dataset.samples, stats),
        *_check_labels(dataset, against or {}, stats),
        *_check_subjects(dataset.samples, stats),
        *_check_questions(dataset, against or {}, stats),
    ]
    return CheckReport(dataset.path, tuple(findings), stats)


def _check_videos(probed: Sequence[ProbedVideo], videos_root: Path | str) -> Iterable[Finding]:
    if not Path(videos_root).is_dir():
        yield Finding("videos", "error", f"video folder {videos_root} does not exist or is not a folder.")
        return
    yield from _check_files("videos", "videos", [(item.video, item.path, item.error) for item in probed])
    lengths = [item.info.duration_s for item in probed if item.info is not None]
    if lengths and all(item.error is None for item in probed):
        yield Finding("videos", "ok", f"all {len(probed)} are found and readable, {_span(lengths)} long.")


def _check_sounds(probed: Sequence[ProbedSound], samples: Sequence[Sample]) -> Iterable[Finding]:
    yield from _check_files("sounds", "sound files", [(item.sound, item.path, item.error) for item in probed])
    lengths = [item.duration_s for item in probed if item.duration_s is not None]
    if lengths and all(item.error is None for item in probed):
        num_named = sum(names_sound(sample) for sample in samples)
        of_all = f"named by {'every sample' if num_named == len(samples) else f'{num_named} of {len(samples)} samples'}"
        yield Finding("sounds", "ok", f"all {len(probed)} are found and readable, {_span(lengths)} long, {of_all}.")


def _check_files(
    check: str, what: str, probed: Sequence[tuple[str, Path | None, VidtuneError | None]]
) -> Iterable[Finding]:
    """Tell which files are missing and which cannot be read: name, place and error of each."""
    failed = [(name, path, error) for name, path, error in probed if error is not None]
    missing = [(name, str(error)) for name, path, error in failed if path is None]
    broken = [(name, f"[{error.code}] {error}") for name, path, error in failed if path is not None]
    for found, how in ((missing, "are missing"), (broken, "cannot be read")):
        if found:
            names, reasons = zip(*found, strict=True)
            message = f"{len(found)} of {len(probed)} {what} {how}: {_name(names)}. The first: {reasons[0]}"
            yield Finding(check, "error", message, reasons)


def _span(lengths_s: Sequence[float]) -> str:
    return f"{min(lengths_s):.1f} to {max(lengths_s):.1f} s"


def _check_places(probed: Sequence[ProbedVideo], videos_root: Path) -> Iterable[Finding]:
    """Doubt clips that were found by their file name alone: another class may have a file of that name."""
    by_path: dict[Path, list[str]] = {}
    elsewhere = []
    for item in probed:
        if item.path is None:
            continue
        by_path.setdefault(item.path, []).append(clean_path(item.video))
        if (
            compose(parent_name(item.video)) not in ("", compose(item.path.parent.name))
            and item.path.parent != videos_root
        ):
            elsewhere.append(f"{item.video} -> {_below(item.path, videos_root)}")
    if elsewhere:
        message = f"{len(elsewhere)} video(s) were found in another folder than written: {_name(elsewhere)}"
        yield Finding("videos", "warn", message, tuple(elsewhere))
    taken_twice = tuple(
        f"{' and '.join(sorted(set(written), key=written.index))} -> {_below(path, videos_root)}"
        for path, written in by_path.items()
        if len(set(written)) > 1 and not _is_one_spelt_twice(written)
    )
    if taken_twice:
        message = f"{len(taken_twice)} file(s) stand for several videos: {_name(taken_twice)}"
        yield Finding("videos", "error", message, taken_twice)


def _below(path: Path, folder: Path) -> Path:
    return path.relative_to(folder) if path.is_relative_to(folder) else path


def _is_one_spelt_twice(written: Sequence[str]) -> bool:
    """Whether all paths are tails of the longest one, as ``a.mp4`` and ``squats/a.mp4`` are."""
    longest = max(written, key=len)
    return all(longest == path or longest.endswith(f"/{path}") for path in written)


def _check_copies(probed: Sequence[ProbedVideo]) -> Iterable[Finding]:
    """Find files of the same content under different names; only files of the same size are hashed."""
    by_size: dict[int, dict[Path, str]] = {}
    for item in probed:
        if item.path is not None and item.info is not None and item.path.is_file():
            by_size.setdefault(item.info.size_bytes, {})[item.path] = item.video
    by_content: dict[str, list[str]] = {}
    for paths in by_size.values():
        for path, video in paths.items() if len(paths) > 1 else ():
            by_content.setdefault(sha256_file(path), []).append(video)
    same = [" = ".join(videos) for videos in by_content.values() if len(videos) > 1]
    if same:
        yield Finding(
            "copies", "warn", f"{len(same)} clip(s) are there under several names: {_name(same)}", tuple(same)
        )


def _check_repeats(samples: Sequence[Sample]) -> Iterable[Finding]:
    by_question: dict[tuple[str, tuple[str, ...]], list[Sample]] = {}
    for sample in samples:
        key = (clip_name(sample), tuple(turn.text for turn in sample.prompt_turns))
        by_question.setdefault(key, []).append(sample)
    repeated = [group for group in by_question.values() if len(group) > 1]
    same = [group for group in repeated if len({sample.answer for sample in group}) == 1]
    differing = [group for group in repeated if len({sample.answer for sample in group}) > 1]
    for groups, what in (
        (same, "asked and answered alike more than once"),
        (differing, "asked alike with different answers"),
    ):
        if groups:
            items = tuple(", ".join(sample.sample_id for sample in group) for group in groups)
            yield Finding("repeats", "warn", f"{len(groups)} clip(s) are {what}: {_name(items)}", items)


def _check_windows(samples: Sequence[Sample], durations_s: Mapping[str, float]) -> Iterable[Finding]:
    yield from (Finding("windows", "warn", note) for note in note_windows(samples))
    outside, cut = [], []
    for sample in samples:
        duration_s = durations_s.get(sample.video, math.inf)
        start_s, end_s = sample.meta.get("video_start_s", 0.0), sample.meta.get("video_end_s", 0.0)
        if start_s >= duration_s:
            outside.append(f"{sample.sample_id}: from {start_s:g} s of {duration_s:g} s")
        elif end_s > duration_s + _END_TOLERANCE_S:
            cut.append(f"{sample.sample_id}: to {end_s:g} s of {duration_s:g} s")
    if outside:
        message = f"{len(outside)} parts begin where their recording has ended: {_name(outside)}"
        yield Finding("windows", "error", message, tuple(outside))
    if cut:
        message = f"{len(cut)} parts end after their recording, with which they are cut off: {_name(cut)}"
        yield Finding("windows", "warn", message, tuple(cut))


def _check_leakage(dataset: Dataset, against: Mapping[str, Dataset]) -> Iterable[Finding]:
    splits: dict[str, list[Sample]] = {}
    for sample in dataset.samples:
        splits.setdefault(sample.split or dataset.path.name, []).append(sample)
    within = find_leaks(splits)
    across = [
        leak
        for name, other in against.items()
        for leak in find_leaks({dataset.path.name: dataset.samples, name: other.samples})
    ]
    leaks = [*within, *across]
    kinds: tuple[tuple[LeakKind, Level, str], ...] = (
        ("video", "error", "clip(s) are in more than one part"),
        ("recording", "warn", "recording(s) are cut by time between parts: scores say nothing about new recordings"),
        ("augmentation", "error", "clip(s) have altered copies in more than one part"),
        ("subject", "warn", "subject(s) are in more than one part: scores say nothing about new people"),
    )
    for kind, level, what in kinds:
        items = tuple(leak.to_text() for leak in leaks if leak.kind == kind)
        if items:
            yield Finding("leakage", level, f"{len(items)} {what}: {_name(items)}", items)
    if not leaks and len(splits) + len(against) > 1:
        yield Finding("leakage", "ok", "no clip, copy or known subject is in more than one part.")


def _check_answers(samples: Sequence[Sample], stats: DatasetStats) -> Iterable[Finding]:
    missing = tuple(sample.sample_id for sample in samples if not sample.is_answered)
    if missing:
        message = (
            f"{len(missing)} of {len(samples)} samples have no answer: fit for predict, not for train or evaluate: "
        )
        yield Finding("answers", "warn", message + _name(missing), missing)
    hollow = tuple(sample.sample_id for sample in samples if sample.answer.strip().lower() in _PLACEHOLDERS)
    if hollow:
        yield Finding("answers", "warn", f"{len(hollow)} answer(s) are placeholders: {_name(hollow)}", hollow)
    if len(samples) - len(missing) > 1 and stats.num_answers == 1:
        yield Finding("answers", "warn", "all answers are the same: there is nothing to learn from the videos.")


def _check_labels(dataset: Dataset, against: Mapping[str, Dataset], stats: DatasetStats) -> Iterable[Finding]:
    if not stats.labels:
        yield Finding("classes", "warn", "no sample has a class: nothing can be said per class.")
        return
    if stats.num_unlabelled:
        items = tuple(sample.sample_id for sample in dataset.samples if sample.label is None)
        yield Finding(
            "classes", "warn", f"{len(items)} of {stats.num_samples} samples have no class: {_name(items)}", items
        )
    if stats.imbalance is not None and stats.imbalance > _LARGE_IMBALANCE:
        largest, smallest = next(iter(stats.labels)), list(stats.labels)[-1]
        message = f"{largest!r} has {stats.imbalance:.0f} times the samples of {smallest!r}."
        yield Finding("classes", "warn", message)
    for name, other in against.items():
        unseen = tuple(sorted(set(stats.labels) - {sample.label for sample in other.samples if sample.label}))
        if unseen:
            yield Finding("classes", "warn", f"{len(unseen)} class(es) are not in {name}: {_name(unseen)}", unseen)
    if not stats.num_unlabelled:
        yield Finding("classes", "ok", f"{len(stats.labels)} classes, every sample has one.")


def _check_subjects(samples: Sequence[Sample], stats: DatasetStats) -> Iterable[Finding]:
    nameless = tuple(sample.sample_id for sample in samples if sample.subject is None)
    if stats.num_subjects == 0:
        yield Finding("subjects", "warn", "no sample names its subject: intervals will be clustered by video instead.")
    elif nameless:
        message = (
            f"{len(nameless)} of {len(samples)} samples name no subject: intervals will be clustered by video, and a "
            f"split cannot keep these people together: {_name(nameless)}"
        )
        yield Finding("subjects", "warn", message, nameless)
    else:
        yield Finding("subjects", "ok", f"{stats.num_subjects} subjects.")


def _check_questions(dataset: Dataset, against: Mapping[str, Dataset], stats: DatasetStats) -> Iterable[Finding]:
    if stats.num_samples > 1 and stats.answers_per_question.max == 1 and len(stats.questions) < stats.num_samples:
        yield Finding("questions", "warn", "every question has one answer only: it can be given without the video.")
    for name, other in against.items():
        if not set(stats.questions) & {sample.question for sample in other.samples}:
            yield Finding("questions", "warn", f"no question is worded as in {name}: a tuned model meets new wordings.")
    yield Finding("questions", "ok", f"{len(stats.questions)} wording(s) over {stats.num_samples} samples.")


def _name(items: Sequence[str]) -> str:
    more = f" ... and {len(items) - _MAX_NAMED} more" if len(items) > _MAX_NAMED else ""
    return "; ".join(items[:_MAX_NAMED]) + more
