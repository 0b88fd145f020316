"""Draw and write a whole data set, in several processes, so that a kill costs a video and no more."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from vidtune.config import Config
from vidtune.core.durable import RecordLog, write_atomic, write_json
from vidtune.core.errors import RunMismatch, TryAgain
from vidtune.core.hashing import hash_json, sha256_bytes, sha256_file
from vidtune.core.locking import RunLock
from vidtune.core.progress import Progress

_LOG_NAME = "clips.jsonl"
_VIDEOS_PER_TASK = 4

Drawn = tuple[bytes, dict[str, Any]]
"""A video file, and what is to be remembered of its making."""


@dataclass(frozen=True)
class PackContent:
    """What a data set is made of; the same content gives the same bytes."""

    name: str
    version: int
    """Raised whenever the same config would give other videos or words."""

    config: Config
    licence: str
    plans: Mapping[str, Any]
    """By the path of each video inside the folder, in order: what ``draw`` needs to know."""

    draw: Callable[[Any], Drawn]
    """From the plan of a video to the video. Called in other processes, so both must be picklable."""

    annotate: Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]]
    """From what is remembered of all videos, in order, to the files by name: JSON values, or the text of others."""

    facts: Mapping[str, Any]
    """What pack.json tells besides: counts and the like."""

    workers: int = 1

    def config_record(self) -> dict[str, Any]:
        """Return the part of the config that decides the bytes."""
        return self.config.model_dump(mode="json", exclude={"workers"})


@dataclass(frozen=True)
class Written:
    """What was done."""

    num_drawn: int
    """Videos made now; the others were found finished."""

    records: tuple[Mapping[str, Any], ...]
    """What is remembered of every video, in order."""

    files_sha256: str
    """One hash over the hashes of all files: equal for equal data sets."""


def write_pack(folder: Path, content: PackContent, progress: Progress) -> Written:
    """Write a data set, or continue where an earlier call was stopped.

    Raises:
        RunMismatch: If the folder holds a data set of another config, or of other drawing or encoding software.
        RunLocked: If another process is writing there.
        DiskFull: If there is no room; what was finished is kept.
        TryAgain: If a worker process died; what was finished is kept.
    """
    num_videos = len(content.plans)
    with RunLock(folder), RecordLog(folder / _LOG_NAME) as log:
        records = _finished(log, folder, content)
        missing = [video for video in content.plans if video not in records]
        logged = {record["video"] for record in log.read() if "video" in record}
        progress("render", len(records), num_videos)
        for record in _draw_all(folder, content, missing):
            if record["video"] not in logged:
                log.append(record)
            records[record["video"]] = record
            progress("render", len(records), num_videos, record["video"])
        ordered = tuple(records[video] for video in content.plans)
        return Written(len(missing), ordered, _write_annotations(folder, content, ordered))


def _finished(log: RecordLog, folder: Path, content: PackContent) -> dict[str, dict[str, Any]]:
    """Return the records of videos that are there and whole; begin the log if it is empty."""
    header = {
        "pack": content.name,
        "generator_version": content.version,
        "config_sha256": hash_json(content.config_record()),
        "software": {"av": av.__version__, "opencv": cv2.__version__, "numpy": np.__version__},
    }
    lines = log.read()
    if not lines:
        log.append(header)
        return {}
    changed = sorted(key for key in header if lines[0].get(key) != header[key])
    if changed:
        raise RunMismatch(
            f"{folder} holds a {content.name} pack made with another {', '.join(changed)}.",
            "Give another folder, or delete this one to make it anew.",
        )
    return {
        record["video"]: record
        for record in lines[1:]
        if (folder / record["video"]).is_file() and sha256_file(folder / record["video"]) == record["sha256"]
    }


def _draw_all(folder: Path, content: PackContent, videos: list[str]) -> Iterator[dict[str, Any]]:
    """Draw videos and yield their records in the order of ``videos``."""
    plans = [content.plans[video] for video in videos]
    draw = partial(_draw_one, folder, content.draw)
    if content.workers == 1 or len(videos) <= 1:
        cv2.setNumThreads(1)
        yield from map(draw, videos, plans)
        return
    pool = ProcessPoolExecutor(content.workers, multiprocessing.get_context("spawn"), initializer=_begin_worker)
    try:
        chunk = _VIDEOS_PER_TASK if len(videos) >= content.workers * _VIDEOS_PER_TASK else 1
        yield from pool.map(draw, videos, plans, chunksize=chunk)
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


def _draw_one(folder: Path, draw: Callable[[Any], Drawn], video: str, plan: Any) -> dict[str, Any]:
    file, remembered = draw(plan)
    write_atomic(folder / video, file)
    return {"video": video, "sha256": sha256_bytes(file), **remembered}


def _write_annotations(folder: Path, content: PackContent, records: Sequence[Mapping[str, Any]]) -> str:
    hashes = {record["video"]: record["sha256"] for record in records}
    for name, value in content.annotate(records).items():
        if isinstance(value, str):
            write_atomic(folder / name, value)
        else:
            write_json(folder / name, value)
        hashes[name] = sha256_file(folder / name)
    files_sha256 = hash_json(hashes)
    write_json(
        folder / "pack.json",
        {
            "pack": content.name,
            "generator_version": content.version,
            "config": content.config_record(),
            "config_sha256": hash_json(content.config_record()),
            "licence": content.licence,
            **content.facts,
            "files_sha256": files_sha256,
            "files": hashes,
        },
    )
    return files_sha256
