"""Draw, encode and write a whole data set, in several processes, so that a kill costs a video and no more."""

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
from vidtune.packs.longvideo._annotations import LICENCE, VIDEO_FOLDER, annotation_files, counts_of, video_name
from vidtune.packs.longvideo._config import LongvideoConfig
from vidtune.packs.longvideo._draw import draw_video
from vidtune.packs.longvideo._encode import encode_mp4
from vidtune.packs.longvideo._plan import VideoPlan, plan_video

GENERATOR_VERSION = 1
"""Raised whenever the same seed would give other videos or questions."""

_LOG_NAME = "videos.jsonl"


@dataclass(frozen=True)
class LongvideoSummary:
    """What was written."""

    folder: Path
    num_videos: int
    num_drawn: int
    """Videos made now; the others were found finished."""

    num_questions: int
    duration_s: float
    """Of all videos together."""

    files_sha256: str
    """One hash over the hashes of all files: equal for equal data sets."""

    def to_record(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {**asdict(self), "folder": str(self.folder)}


def synthesize(out_folder: Path, config: LongvideoConfig, progress: Progress = silent) -> LongvideoSummary:
    """Write the data set into ``out_folder``, or continue where an earlier call was stopped.

    The same config gives the same bytes, whatever the number of workers and however often it was interrupted.

    Raises:
        RunMismatch: If the folder holds a data set of another config, or of other drawing or encoding software.
        RunLocked: If another process is writing there.
        DiskFull: If there is no room; what was finished is kept.
        TryAgain: If a worker process died; what was finished is kept.
    """
    plans = [plan_video(config, index) for index in range(config.num_videos)]
    with RunLock(out_folder), RecordLog(out_folder / _LOG_NAME) as log:
        hashes = _finished(log, out_folder, config)
        missing = [plan for plan in plans if _path_of(plan) not in hashes]
        progress("render", len(plans) - len(missing), len(plans))
        for video, sha256 in _draw_all(out_folder, config, missing):
            log.append({"video": video, "sha256": sha256})
            hashes[video] = sha256
            progress("render", len(hashes), len(plans), video)
        files_sha256 = _write_annotations(out_folder, config, plans, hashes)
    return LongvideoSummary(
        folder=out_folder,
        num_videos=len(plans),
        num_drawn=len(missing),
        num_questions=sum(len(plan.questions) for plan in plans),
        duration_s=round(sum(plan.duration_s for plan in plans), 3),
        files_sha256=files_sha256,
    )


def _path_of(plan: VideoPlan) -> str:
    return f"{VIDEO_FOLDER}/{video_name(plan)}"


def _finished(log: RecordLog, folder: Path, config: LongvideoConfig) -> dict[str, str]:
    """Return the hashes of the videos that are there and whole; begin the log if it is empty."""
    header = {
        "pack": "longvideo",
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
            f"{folder} holds a longvideo pack made with another {', '.join(changed)}.",
            "Give another folder, or delete this one to make it anew.",
        )
    return {
        record["video"]: record["sha256"]
        for record in lines[1:]
        if (folder / record["video"]).is_file() and sha256_file(folder / record["video"]) == record["sha256"]
    }


def _content_of(config: LongvideoConfig) -> dict[str, Any]:
    """Return the part of a config that decides the bytes."""
    return config.model_dump(mode="json", exclude={"workers"})


def _draw_all(folder: Path, config: LongvideoConfig, plans: list[VideoPlan]) -> Iterator[tuple[str, str]]:
    """Draw videos and yield the path and hash of each in the order of ``plans``."""
    draw = partial(_draw_one, folder, config)
    if config.workers == 1 or len(plans) <= 1:
        yield from map(draw, plans)
        return
    pool = ProcessPoolExecutor(config.workers, multiprocessing.get_context("spawn"), initializer=_begin_worker)
    try:
        yield from pool.map(draw, plans)
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


def _draw_one(folder: Path, config: LongvideoConfig, plan: VideoPlan) -> tuple[str, str]:
    content = encode_mp4(draw_video(config, plan), config.fps)
    write_atomic(folder / _path_of(plan), content)
    return _path_of(plan), sha256_bytes(content)


def _write_annotations(folder: Path, config: LongvideoConfig, plans: list[VideoPlan], hashes: dict[str, str]) -> str:
    files = {_path_of(plan): hashes[_path_of(plan)] for plan in plans}
    for name, content in annotation_files(config, plans).items():
        write_json(folder / name, content)
        files[name] = sha256_file(folder / name)
    files_sha256 = hash_json(files)
    write_json(
        folder / "pack.json",
        {
            "pack": "longvideo",
            "generator_version": GENERATOR_VERSION,
            "seed": config.seed,
            "config": _content_of(config),
            "config_sha256": hash_json(_content_of(config)),
            "licence": LICENCE,
            "num_videos": len(plans),
            "counts": counts_of(plans),
            "files_sha256": files_sha256,
            "files": files,
        },
    )
    return files_sha256
