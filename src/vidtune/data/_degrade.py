"""A data set, damaged on purpose: every clip at every setting, as real files, with annotations that fit.

    OUT/<label>/<video>.mp4     the damaged clips, one folder for each damage
    OUT/<label>.json            the samples of that damage, in the format they came in or, if it is only read, in QVED's
    OUT/<sound>                 sound files that samples name, as they are
    OUT/degrade.jsonl           what was done to each clip, with hashes; an interrupted run continues from it

A sample keeps its id, so that predictions on damaged and undamaged clips are compared pair by pair.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vidtune.core.durable import RecordLog, write_atomic
from vidtune.core.environment import num_usable_cores
from vidtune.core.errors import VidtuneError
from vidtune.core.hashing import sha256_file
from vidtune.core.locking import RunLock
from vidtune.core.progress import Progress, silent
from vidtune.data._paths import clean_path, without_suffix
from vidtune.data._samples import Dataset, Sample
from vidtune.data._sides import mirror_sample
from vidtune.data._sound_source import find_sound_file, names_sound
from vidtune.data._videos import resolve_video
from vidtune.data._write import suffix_of, target_of, write_dataset
from vidtune.media import SoundMissing

if TYPE_CHECKING:
    from vidtune.media.corruption import NamedCorruption


@dataclass(frozen=True)
class DegradeSummary:
    """What was written, and what could not be."""

    out: Path
    files: Mapping[str, Path]
    """The annotation file of each damage by its label."""

    num_written: int
    num_reused: int
    """Clips that an earlier run had finished."""

    failures: tuple[Mapping[str, Any], ...]
    """Clips that could not be damaged, each with its error; their samples are in no file."""

    def to_record(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {
            "out": str(self.out),
            "files": {label: str(path) for label, path in self.files.items()},
            "num_written": self.num_written,
            "num_reused": self.num_reused,
            "num_failed": len(self.failures),
            "failures": [dict(failure) for failure in self.failures],
        }


@dataclass(frozen=True)
class _Job:
    """One clip and one damage."""

    video: str
    source: Path
    target: Path
    damage: NamedCorruption
    max_side_px: int | None

    def key(self) -> dict[str, Any]:
        """Return all that decides what the damaged file is."""
        status = self.source.stat()
        return {
            "label": self.damage.label,
            "video": self.video,
            "damage": self.damage.config.to_record(),
            "max_side_px": self.max_side_px,
            "source_bytes": status.st_size,
            "source_mtime_ns": status.st_mtime_ns,
        }


def degrade_dataset(
    dataset: Dataset,
    videos_root: Path | str,
    damages: Sequence[NamedCorruption],
    out: Path | str,
    *,
    max_side_px: int | None = None,
    timeout_s: float = 600.0,
    num_workers: int | None = None,
    progress: Progress = silent,
) -> DegradeSummary:
    """Write damaged copies of the clips of ``dataset`` and an annotation file for each damage.

    A damage that mirrors the picture exchanges left and right in the words too. The same call gives the same files;
    clips that are there already, of the same source and damage, are left as they are.

    Args:
        dataset: What was read.
        videos_root: Folder of its videos.
        damages: Each with a label of its own.
        out: Folder to write into.
        max_side_px: Scale clips down first, for instance to what the model will see.
        timeout_s: For one clip; one that takes longer is reported, the others go on.
        num_workers: Clips at a time; None: one for each core.
        progress: Called as clips are finished.

    Raises:
        RunLocked: If another process writes into ``out``.
        DiskFull: If there is no room; the same call continues.
    """
    out = Path(out)
    jobs, failures = _plan(dataset, videos_root, damages, out, max_side_px)
    with RunLock(out), RecordLog(out / "degrade.jsonl") as log:
        done = {(record["label"], record["video"]): record for record in log.read() if record["status"] == "ok"}
        waiting = [job for job in jobs if not _is_done(job, done)]
        num_reused = len(jobs) - len(waiting)
        total = len(jobs)
        with ThreadPoolExecutor(num_workers or num_usable_cores(), thread_name_prefix="degrade") as pool:
            futures = [pool.submit(_run, job, timeout_s) for job in waiting]
            try:
                for count, future in enumerate(as_completed(futures), start=num_reused + 1):
                    record = future.result()
                    log.append(record)
                    if record["status"] == "error":
                        failures.append(record)
                    progress("damaging clips", count, total, f"{len(failures)} failed" if failures else "")
            finally:
                for future in futures:
                    future.cancel()
        num_written = sum(future.result()["status"] == "ok" for future in futures)
        failed = {(failure["label"], failure["video"]) for failure in failures}
        _copy_sounds(dataset, Path(videos_root), out)
        files = {named.label: _write_samples(dataset, named, jobs, failed, out) for named in damages}
    return DegradeSummary(out, files, num_written, num_reused, tuple(failures))


def _plan(
    dataset: Dataset, videos_root: Path | str, damages: Sequence[NamedCorruption], out: Path, max_side_px: int | None
) -> tuple[list[_Job], list[dict[str, Any]]]:
    """Return what is to do, and a record for every clip that is not there."""
    jobs: list[_Job] = []
    failures: list[dict[str, Any]] = []
    samples: dict[str, Sample] = {}
    for sample in dataset.samples:
        samples.setdefault(sample.video, sample)
    names = _name_files(samples)
    for video, sample in samples.items():
        try:
            source = resolve_video(sample, videos_root)
        except VidtuneError as exc:
            failures += [_failure(named.label, video, exc) for named in damages]
            continue
        for named in damages:
            name = clean_path(video) if named.config.changes_nothing else names[video]
            jobs.append(_Job(video, source, out / named.label / name, named, max_side_px))
    return jobs, failures


def _name_files(videos: Iterable[str]) -> dict[str, str]:
    """Return the path of each video inside a damage's folder: its own, as an mp4.

    An absolute path is written below the folder as well; ``..`` was refused when the file was looked for.
    """
    written = {video: clean_path(video) for video in videos}
    names = {video: path for video, path in written.items() if path.lower().endswith(".mp4")}
    taken = set(names.values())
    for video, path in written.items():
        if video in names:
            continue
        name = f"{without_suffix(path)}.mp4"
        if name in taken:  # clip.mkv beside clip.mp4 keeps its suffix in the name
            name = f"{path}.mp4"
        names[video] = name
        taken.add(name)
    return names


def _run(job: _Job, timeout_s: float) -> dict[str, Any]:
    # The media room loads PyAV and OpenCV; reading annotations should not.
    from vidtune.media import ReadLimits
    from vidtune.media.corruption import corrupt_video

    try:
        # All frames are decoded, on all processors: the clock alone decides.
        limits = ReadLimits(timeout_s=timeout_s, max_cpu_s=timeout_s * num_usable_cores())
        written = corrupt_video(job.source, job.target, job.damage.config, limits=limits, max_side_px=job.max_side_px)
    except VidtuneError as exc:
        if exc.exit_status == 75:
            raise  # a full disk is not the clip's fault: stop, and continue later
        return _failure(job.damage.label, job.video, exc)
    return {
        "status": "ok",
        **job.key(),
        **{name: value for name, value in asdict(written).items() if name != "path"},
    }


def _failure(label: str, video: str, error: VidtuneError) -> dict[str, Any]:
    return {"status": "error", "label": label, "video": video, "error": error.to_record()}


def _is_done(job: _Job, done: Mapping[tuple[str, str], Mapping[str, Any]]) -> bool:
    """Whether an earlier run wrote this file, from this source, and it is still what was written."""
    record = done.get((job.damage.label, job.video))
    if record is None or not job.target.is_file():
        return False
    is_same = all(record.get(name) == value for name, value in job.key().items())
    return is_same and sha256_file(job.target) == record["sha256"]


def _write_samples(
    dataset: Dataset, named: NamedCorruption, jobs: Sequence[_Job], failed: set[tuple[str, str]], out: Path
) -> Path:
    targets = {job.video: job.target for job in jobs if job.damage is named}
    samples = [
        replace(sample, video=targets[sample.video].relative_to(out).as_posix())
        for sample in _as_said_of(named, dataset.samples)
        if sample.video in targets and (named.label, sample.video) not in failed
    ]
    target = target_of(dataset)
    path = out / f"{named.label}{suffix_of(target)}"
    write_dataset(samples, path, format=target)
    return path


def _copy_sounds(dataset: Dataset, videos_root: Path, out: Path) -> None:
    """Copy the sound files that samples name to where they are looked for beside the damaged clips, unchanged."""
    for written, sample in {str(one.meta["audio"]): one for one in dataset.samples if names_sound(one)}.items():
        if os.path.isabs(written):
            continue  # it stays where it is
        target = out / clean_path(written)
        try:
            source = find_sound_file(sample, (videos_root, dataset.path.parent))
        except SoundMissing:
            continue  # as missing as it was: its sample says so when it is asked
        if not target.is_file() or sha256_file(target) != sha256_file(source):
            write_atomic(target, source.read_bytes())


def _as_said_of(named: NamedCorruption, samples: Sequence[Sample]) -> Iterator[Sample]:
    from vidtune.media.corruption import corruptions

    mirrors = corruptions.get(named.config.kind).mirrors and not named.config.changes_nothing
    for sample in samples:
        yield mirror_sample(sample) if mirrors else sample
