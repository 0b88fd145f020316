"""The examination of a whole data set: every clip looked at, leaks between splits found, a ledger that continues.

OUT/ledger.jsonl   one checksummed record a clip; an interrupted examination continues from it
OUT/ledger.csv     the same as a table, written at the end
OUT/summary.json   counts, leaks, and where everything is
and the three reports of ``data/_quality.py``
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from vidtune.core.durable import RecordLog, write_atomic, write_json
from vidtune.core.locking import RunLock
from vidtune.core.progress import Progress, silent
from vidtune.core.tables import encode_csv
from vidtune.data._collect import CollectedClip, Collection
from vidtune.data._examine import ExamineConfig, examine_clips
from vidtune.data._leakage import find_families, find_leaks
from vidtune.data._paths import clean_path
from vidtune.data._quality import QualityThresholds, judge_clips, write_quality_reports

SharedKind = Literal["video", "recording", "augmentation", "subject", "copy", "near-duplicate"]

_LEDGER_COLUMNS = (
    "video",
    "status",
    "code",
    "reason",
    "is_usable",
    "splits",
    "label",
    "subject",
    "container",
    "codec",
    "width_px",
    "height_px",
    "rotation_deg",
    "fps",
    "is_variable_rate",
    "duration_s",
    "num_frames",
    "num_damaged",
    "has_audio",
    "size_bytes",
    "sha256",
    "seconds",
    "path",
)
_OF_THE_CLIP = ("video", "splits", "label", "subject")


@dataclass(frozen=True)
class Shared:
    """Something that is in more than one split."""

    kind: SharedKind
    what: str
    """The video or subject, or the two clips that show the same."""

    splits: tuple[str, ...]

    @property
    def is_leak(self) -> bool:
        """Whether a score measures memory by it. Of recordings that were cut by time no moment is on both sides."""
        return self.kind != "recording"


@dataclass(frozen=True)
class Diagnosis:
    """What examining a data set found."""

    out: Path
    sources: tuple[str, ...]
    problems: tuple[str, ...]
    """Annotation files that do not hold."""

    records: tuple[Mapping[str, Any], ...]
    """The ledger: one record a clip, in the order of the data."""

    shared: tuple[Shared, ...]
    alike_within: tuple[tuple[str, str], ...]
    """Pairs of clips of one split that show the same: wasteful, not wrong."""

    rejected: Mapping[str, int]
    """How many clips fall short of each quality threshold."""

    num_rejected: int
    num_reused: int
    """Clips that an earlier examination had looked at."""

    is_quick: bool

    @property
    def counts(self) -> dict[str, int]:
        """How many clips are ok, partial and bad."""
        found = Counter(record["status"] for record in self.records)
        return {status: found.get(status, 0) for status in ("ok", "partial", "bad")}

    @property
    def is_healthy(self) -> bool:
        """Whether every clip can be used and no split holds what would let a score measure memory of another."""
        return (
            not self.problems
            and not any(item.is_leak for item in self.shared)
            and all(record["is_usable"] for record in self.records)
        )

    def to_record(self) -> dict[str, Any]:
        """Return the summary as JSON values; the clips themselves are in the ledger."""
        return {
            "is_healthy": self.is_healthy,
            "out": str(self.out),
            "sources": list(self.sources),
            "problems": list(self.problems),
            "num_clips": len(self.records),
            "counts": self.counts,
            "num_unusable": sum(not record["is_usable"] for record in self.records),
            "codes": dict(Counter(record["code"] for record in self.records if record["code"]).most_common()),
            "not_ok": [
                {name: record[name] for name in ("video", "status", "code", "reason", "is_usable")}
                for record in self.records
                if record["status"] != "ok"
            ],
            "shared": [asdict(item) for item in self.shared],
            "alike_within": [list(pair) for pair in self.alike_within],
            "rejected": dict(self.rejected),
            "num_rejected": self.num_rejected,
            "num_reused": self.num_reused,
            "is_quick": self.is_quick,
        }


def diagnose(
    collection: Collection,
    out: Path,
    *,
    thresholds: QualityThresholds | None = None,
    timeout_s: float = 60.0,
    num_workers: int | None = None,
    is_quick: bool = False,
    is_fresh: bool = False,
    progress: Progress = silent,
) -> Diagnosis:
    """Examine every clip, several at a time, and write ledger and reports into ``out``.

    Args:
        collection: The clips.
        out: Folder of the ledger. Clips that are in it, unchanged and looked at in the same way, are not looked at
            again.
        thresholds: What is good enough.
        timeout_s: For one clip; the decoder of one that takes longer is stopped and the others go on.
        num_workers: Clips at a time; None: one for each core.
        is_quick: Only read the packets: no quality, no near-duplicates, no damage inside frames.
        is_fresh: Look at everything again.
        progress: Called as clips are finished.

    Raises:
        RunLocked: If another process writes into ``out``.
        DiskFull: If there is no room; the same call continues.
    """
    thresholds = thresholds or QualityThresholds()
    config = ExamineConfig(timeout_s, is_quick, thresholds.num_frames, thresholds.stride_frames)
    with RunLock(out):
        if is_fresh:
            (out / "ledger.jsonl").unlink(missing_ok=True)
        examined, num_reused = examine_with_ledger(collection.clips, config, out, num_workers, progress)
        records = tuple(_ledger_record(clip, examined) for clip in collection.clips)
        shared, alike_within = find_shared(collection, records)
        judged = [(record["video"], record["label"], record) for record in records]
        verdicts = [] if is_quick else judge_clips(judged, thresholds)
        diagnosis = Diagnosis(
            out=out,
            sources=collection.sources,
            problems=collection.problems,
            records=records,
            shared=shared,
            alike_within=alike_within,
            rejected=dict(Counter(reason for verdict in verdicts for reason in verdict.reasons).most_common()),
            num_rejected=sum(not verdict.is_accepted for verdict in verdicts),
            num_reused=num_reused,
            is_quick=is_quick,
        )
        write_atomic(out / "ledger.csv", encode_csv(_LEDGER_COLUMNS, records))
        write_json(out / "summary.json", diagnosis.to_record())
        if verdicts:
            write_quality_reports(verdicts, out)
    return diagnosis


def find_shared(
    collection: Collection, records: Sequence[Mapping[str, Any]]
) -> tuple[tuple[Shared, ...], tuple[tuple[str, str], ...]]:
    """Return what more than one split contains, and which clips of one split show the same."""
    shared = [Shared(leak.kind, leak.key, leak.splits) for leak in find_leaks(collection.splits)]
    families = find_families(record["video"] for record in records)
    by_video = {record["video"]: record for record in records}
    within = []
    for kind, left, right in (*exact_copies(records), *near_duplicates(records)):
        splits = tuple(sorted({*by_video[left]["splits"], *by_video[right]["splits"]}))
        if len(splits) == 1:
            within.append((left, right))
        elif families[clean_path(left)] != families[clean_path(right)]:
            # A family in two splits was told already, by its names.
            shared.append(Shared(kind, f"{left} and {right}", splits))
    return tuple(shared), tuple(within)


def examine_with_ledger(
    clips: Iterable[CollectedClip], config: ExamineConfig, out: Path, num_workers: int | None, progress: Progress
) -> tuple[dict[Path, Mapping[str, Any]], int]:
    """Return a record for each file, taking those that an earlier examination left where they still hold."""
    paths = list(dict.fromkeys(clip.path for clip in clips if clip.path is not None))
    keys = {path: key for path in paths if (key := _key(path, config)) is not None}
    with RecordLog(out / "ledger.jsonl") as log:
        known = {record["key"]: record for record in log.read()}
        examined: dict[Path, Mapping[str, Any]] = {
            path: known[key] for path, key in keys.items() if key in known and known[key]["code"] != "video_timeout"
        }
        num_reused = len(examined)
        waiting = [path for path in paths if path not in examined]
        num_bad = sum(not record["is_usable"] for record in examined.values())
        for path, found in examine_clips(waiting, config, num_workers=num_workers):
            examined[path] = {"path": str(path), "key": keys.get(path, ""), **found}
            log.append(dict(examined[path]))
            num_bad += not found["is_usable"]
            progress("examining clips", len(examined), len(paths), f"{num_bad} unusable" if num_bad else "")
    return examined, num_reused


def _key(path: Path, config: ExamineConfig) -> str | None:
    """Return what an earlier look must have been at for it to count still; None when the file cannot be asked."""
    try:
        status = path.stat()
    except OSError:
        return None
    look = f"{config.is_quick}/{config.num_frames}/{config.stride_frames}"
    return f"{path.resolve()}/{status.st_size}/{status.st_mtime_ns}/{look}"


def _ledger_record(clip: CollectedClip, examined: Mapping[Path, Mapping[str, Any]]) -> dict[str, Any]:
    about = {name: getattr(clip, name) for name in _OF_THE_CLIP}
    about["splits"] = list(clip.splits)
    if clip.path is None:
        assert clip.error is not None  # noqa: S101 -- either is there
        found: Mapping[str, Any] = {
            "status": "bad",
            "code": clip.error.code,
            "reason": str(clip.error),
            "is_usable": False,
        }
    else:
        found = examined[clip.path]
    return {**found, **about}


def exact_copies(records: Sequence[Mapping[str, Any]]) -> list[tuple[SharedKind, str, str]]:
    """Return clips whose files are the same to the last byte under different names."""
    by_content: dict[str, list[str]] = {}
    for record in records:
        if record.get("sha256"):
            by_content.setdefault(record["sha256"], []).append(record["video"])
    return [("copy", videos[0], other) for videos in by_content.values() for other in videos[1:]]


def near_duplicates(records: Sequence[Mapping[str, Any]]) -> list[tuple[SharedKind, str, str]]:
    """Return clips that show the same in files that differ, by their fingerprints."""
    # The media room loads PyAV and OpenCV; reading annotations should not.
    from vidtune.media.quality import Fingerprint, find_near_duplicates

    prints = {
        record["video"]: Fingerprint.from_text(record["fingerprint"], record["duration_s"])
        for record in records
        if record.get("fingerprint")
    }
    content = {record["video"]: record.get("sha256") for record in records}
    return [
        ("near-duplicate", pair.first, pair.second)
        for pair in find_near_duplicates(prints)
        if content[pair.first] != content[pair.second]
    ]
