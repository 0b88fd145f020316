"""Draw, encode and write a whole data set, in several processes, so that a kill costs a clip and no more."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from vidtune.core.durable import RecordLog, write_atomic, write_json
from vidtune.core.errors import RunMismatch, TryAgain
from vidtune.core.hashing import hash_json, sha256_bytes, sha256_file
from vidtune.core.locking import RunLock
from vidtune.core.progress import Progress, silent
from vidtune.packs.physio._annotations import LICENCE, annotation_files, counts_of
from vidtune.packs.physio._clip import draw_take, plan_take
from vidtune.packs.physio._config import SPLITS, PhysioConfig
from vidtune.packs.physio._encode import encode_mp4
from vidtune.packs.physio._plan import ClipPlan, plan_clips

GENERATOR_VERSION = 1
"""Raised whenever the same seed would give other clips or sentences."""

_LOG_NAME = "clips.jsonl"
_CLIPS_PER_TASK = 4


@dataclass(frozen=True)
class PhysioSummary:
    """What was written."""

    folder: Path
    num_clips: int
    num_drawn: int
    """Clips made now."""
    num_kept: int
    """Clips found finished from an earlier, interrupted call."""
    num_subjects: int
    clips_per_split: dict[str, int]
    files_sha256: str
    """One hash over the hashes of all files: equal for equal data sets."""

    def to_record(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {**asdict(self), "folder": str(self.folder)}


def synthesize(out_folder: Path, config: PhysioConfig, progress: Progress = silent) -> PhysioSummary:
    """Write the physio data set into ``out_folder``, or continue where an earlier call was stopped.

    The same config gives the same bytes, whatever the number of workers and however often it was interrupted.

    Raises:
        RunMismatch: If the folder holds a data set of another config, or of other drawing or encoding software.
        RunLocked: If another process is writing there.
        DiskFull: If there is no room; what was finished is kept.
        TryAgain: If a worker process died; what was finished is kept.
    """
    plans = plan_clips(config)
    with RunLock(out_folder), RecordLog(out_folder / _LOG_NAME) as log:
        records = _finished_clips(log, out_folder, config)
        missing = [plan for plan in plans if plan.video not in records]
        num_kept = len(plans) - len(missing)
        progress("render", num_kept, len(plans))
        logged = {record["video"] for record in log.read() if "video" in record}
        for record in _draw_all(out_folder, config, missing):
            if record["video"] not in logged:
                log.append(record)
            records[record["video"]] = record
            progress("render", len(records), len(plans), record["video"])
        files_sha256 = _write_annotations(out_folder, config, plans, records)
    return PhysioSummary(
        folder=out_folder,
        num_clips=len(plans),
        num_drawn=len(missing),
        num_kept=num_kept,
        num_subjects=len({plan.subject_id for plan in plans}),
        clips_per_split={split: sum(plan.split == split for plan in plans) for split in SPLITS},
        files_sha256=files_sha256,
    )


def _finished_clips(log: RecordLog, folder: Path, config: PhysioConfig) -> dict[str, dict[str, Any]]:
    """Return the records of clips that are there and whole; begin the log if it is empty."""
    header = {
        "pack": "physio",
        "generator_version": GENERATOR_VERSION,
        "config_sha256": hash_json(_content_of(config)),
        "software": {"av": av.__version__, "opencv": cv2.__version__, "numpy": np.__version__},
    }
    lines = log.read()
    if not lines:
        log.append(header)
        return {}
    changed = sorted(key for key in header if lines[0].get(key) != header[key])
    if changed:
        raise RunMismatch(
            f"{folder} holds a physio pack made with another {', '.join(changed)}.",
            "Give another folder, or delete this one to make it anew.",
        )
    return {
        record["video"]: record
        for record in lines[1:]
        if (folder / record["video"]).is_file() and sha256_file(folder / record["video"]) == record["sha256"]
    }


def _content_of(config: PhysioConfig) -> dict[str, Any]:
    """Return the part of a config that decides the bytes."""
    return config.model_dump(mode="json", exclude={"workers"})


def _draw_all(folder: Path, config: PhysioConfig, plans: list[ClipPlan]) -> Iterator[dict[str, Any]]:
    """Draw clips and yield their records in the order of ``plans``."""
    draw = partial(_draw_clip, folder, config)
    if config.workers == 1 or len(plans) <= _CLIPS_PER_TASK:
        yield from map(draw, plans)
        return
    pool = ProcessPoolExecutor(config.workers, multiprocessing.get_context("spawn"), initializer=_begin_worker)
    try:
        yield from pool.map(draw, plans, chunksize=_CLIPS_PER_TASK)
    except BrokenProcessPool as exc:
        raise TryAgain(
            "a drawing process died: for want of memory, or because it could not start.",
            "Run the same command again, with fewer workers; it continues where it stopped. "
            "A script must call it below `if __name__ == '__main__':`, or with workers=1.",
        ) from exc
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker() -> None:
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()

    def follow_parent() -> None:
        # A pool's workers outlive a parent that was killed; these do not.
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow_parent, daemon=True).start()


def _draw_clip(folder: Path, config: PhysioConfig, plan: ClipPlan) -> dict[str, Any]:
    take = plan_take(config, plan)
    content = encode_mp4(draw_take(config, plan, take), config.fps, crf=take.crf)
    write_atomic(folder / plan.video, content)
    span = take.fault_span
    return {
        "video": plan.video,
        "sha256": sha256_bytes(content),
        "num_frames": len(take.times_s),
        "start_s": span.start_s if span else None,
        "end_s": span.end_s if span else None,
        "error_frames": list(span.frames) if span else [],
    }


def _write_annotations(
    folder: Path, config: PhysioConfig, plans: list[ClipPlan], records: dict[str, dict[str, Any]]
) -> str:
    hashes = {plan.video: records[plan.video]["sha256"] for plan in plans}
    for name, content in annotation_files(plans, records).items():
        write_json(folder / name, content)
        hashes[name] = sha256_file(folder / name)
    files_sha256 = hash_json(hashes)
    write_json(
        folder / "pack.json",
        {
            "pack": "physio",
            "generator_version": GENERATOR_VERSION,
            "seed": config.seed,
            "config": _content_of(config),
            "config_sha256": hash_json(_content_of(config)),
            "licence": LICENCE,
            "num_clips": len(plans),
            "counts": counts_of(plans),
            "files_sha256": files_sha256,
            "files": hashes,
        },
    )
    return files_sha256
