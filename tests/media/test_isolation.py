"""A clip may kill, stall or exhaust the process that decodes it: it gets a named error, the next clip is served."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.media.clips_reference import CLIPS
from tests.media.writing import write_clip

from vidtune.core.errors import TryAgain, VideoTimeout, VideoTooLarge, VideoUnreadable
from vidtune.media import ReadLimits, SamplingConfig, VideoDecoderDied, read_frames
from vidtune.media import _worker_pool as pool
from vidtune.media._read import walk_frames
from vidtune.media._walk import WantedWalk
from vidtune.media._worker import _PIECE_BYTES
from vidtune.media.quality import count_decodable_frames

CLIP = CLIPS / "h264_bframes.mp4"
FOUR = SamplingConfig(num_frames=4)


@pytest.fixture
def worker() -> Iterator[pool.Worker]:
    """The only decoder process, waiting for a clip."""
    pool._pool.stop_all()
    read_frames(CLIP, FOUR)
    (worker,) = pool._pool._all
    yield worker
    pool._pool.stop_all()


def test_frames_do_not_depend_on_the_process_that_decodes_them() -> None:
    apart, here = (read_frames(CLIP, FOUR, limits=ReadLimits(is_isolated=flag)) for flag in (True, False))

    np.testing.assert_array_equal(apart.frames_thwc, here.frames_thwc)
    assert (apart.to_record(), apart.reasons) == (here.to_record(), here.reasons)


def test_a_walk_gives_the_same_in_a_process_of_its_own() -> None:
    wanted = WantedWalk(32, is_grey=True, full_indices=(0, 7))
    apart, here = (list(walk_frames(CLIP, wanted, limits=ReadLimits(is_isolated=flag))) for flag in (True, False))

    assert len(apart) == len(here) == 40
    for one, other in zip(apart, here, strict=True):
        np.testing.assert_array_equal(one.pixels_hwc, other.pixels_hwc)
        facts = ("size_hw", "rotation_deg", "index", "time_s", "is_damaged")
        assert [getattr(one, name) for name in facts] == [getattr(other, name) for name in facts]
    assert [frame.index for frame in apart if frame.full_hwc is not None] == [0, 7]
    np.testing.assert_array_equal(apart[7].full_hwc, here[7].full_hwc)


def test_a_long_walk_comes_in_pieces_and_lacks_no_frame(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", num_frames=200, width=320, height=240)
    assert 200 * 320 * 240 * 3 > _PIECE_BYTES

    assert [frame.index for frame in walk_frames(path)] == list(range(200))


def test_a_walk_may_be_left_midway(worker: pool.Worker) -> None:
    walk = walk_frames(CLIP)
    assert [next(walk).index for _ in range(3)] == [0, 1, 2]
    walk.close()

    assert read_frames(CLIP, FOUR).num_delivered == 4
    assert {other.pid for other in pool._pool._all} == {worker.pid}


def test_a_file_that_kills_its_decoder_midway_ends_the_walk_by_name(worker: pool.Worker) -> None:
    kill_at_work(worker.pid, signal.SIGSEGV)

    with pytest.raises(VideoDecoderDied, match="by signal SIGSEGV"):
        list(walk_frames(CLIP))


def test_one_process_serves_many_clips(worker: pool.Worker) -> None:
    for name in ("vp9.webm", "h264.ts", "mpeg4.avi"):
        read_frames(CLIPS / name, FOUR)

    assert {other.pid for other in pool._pool._all} == {worker.pid}


@pytest.mark.parametrize("kind", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
def test_a_clip_that_kills_its_decoder_is_named_and_the_next_one_is_served(
    kind: signal.Signals, worker: pool.Worker
) -> None:
    kill_at_work(worker.pid, kind)

    with pytest.raises(VideoDecoderDied, match=f"ended the process that decoded it .by signal {kind.name}"):
        read_frames(CLIP, FOUR)

    assert read_frames(CLIP, FOUR).num_delivered == 4


@pytest.mark.slow
@pytest.mark.usefixtures("worker")
def test_after_a_hundred_kills_no_request_is_lost() -> None:
    answers = []
    for _ in range(100):
        read_frames(CLIP, FOUR)
        (worker,) = pool._pool._all
        kill_at_work(worker.pid, signal.SIGKILL, after_s=0.02)
        try:
            answers.append(read_frames(CLIP, FOUR).num_delivered)
        except VideoDecoderDied:
            answers.append(0)

    assert len(answers) == 100
    assert read_frames(CLIP, FOUR).num_delivered == 4


def test_a_decoder_that_died_while_it_waited_costs_no_clip(worker: pool.Worker) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    worker._process.wait()

    assert read_frames(CLIP, FOUR).num_delivered == 4


def test_a_decoder_that_hangs_is_stopped_in_time(worker: pool.Worker) -> None:
    os.kill(worker.pid, signal.SIGSTOP)
    began_s = time.monotonic()

    with pytest.raises(VideoTimeout, match=r"within 0\.2 s; its decoder was stopped"):
        read_frames(CLIP, FOUR, limits=ReadLimits(timeout_s=0.2))

    assert time.monotonic() - began_s < 10
    assert not worker.is_alive
    assert read_frames(CLIP, FOUR).num_delivered == 4


def test_a_decoder_that_does_not_start_is_not_the_fault_of_a_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "_pool", pool._Pool())
    monkeypatch.setattr(pool, "_COMMAND", (sys.executable, "-c", "import time; time.sleep(60)"))
    monkeypatch.setattr(pool, "_START_S", 0.2)

    with pytest.raises(TryAgain, match=r"did not start within 0\.2 s"):
        read_frames(CLIP, FOUR)
    with pytest.raises(TryAgain, match="did not start"):  # and is not a file of which nothing can be read
        count_decodable_frames(CLIP)


def test_a_clip_that_needs_more_memory_than_it_may_take_is_refused_by_name() -> None:
    limits = ReadLimits(max_pixels=10**9, max_memory_bytes=64 * 1024**2)

    with pytest.raises((VideoTooLarge, VideoUnreadable, VideoDecoderDied)):
        read_frames(CLIPS / "bomb_8192.mp4", FOUR, limits=limits)

    assert read_frames(CLIP, FOUR, limits=limits).num_delivered == 4


def test_a_clip_that_takes_too_much_processor_time_is_stopped_by_the_kernel(worker: pool.Worker) -> None:
    spin = "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 9))\nwhile True: pass"
    process = subprocess.run([sys.executable, "-c", spin], check=False)
    assert process.returncode == -signal.SIGXCPU, "the kernel does not keep this limit"
    kill_at_work(worker.pid, signal.SIGXCPU)

    with pytest.raises(VideoTimeout, match="more than 7 s of processor time"):
        read_frames(CLIP, FOUR, limits=ReadLimits(max_cpu_s=7))


def test_what_a_decoder_says_is_never_trusted(worker: pool.Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    for answer in ({}, {"info": {"path": 3}}, {"error": {"code": "x"}}, {"error": 1}):
        monkeypatch.setattr(pool.Worker, "ask", lambda *arguments, answer=answer: answer)

        with pytest.raises(VideoDecoderDied, match="answer nonsense"):
            read_frames(CLIP, FOUR)


def test_a_decoder_gets_no_secrets(worker: pool.Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    pool._pool.stop_all()
    monkeypatch.setenv("SECRET_TOKEN", "canary")

    read_frames(CLIP, FOUR)

    (fresh,) = pool._pool._all
    assert b"canary" not in Path(f"/proc/{fresh.pid}/environ").read_bytes()


def test_several_threads_are_served_at_once() -> None:
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(read_frames(CLIP, FOUR).num_delivered)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [4] * 4


def test_a_process_that_was_forked_off_starts_its_own_decoder(worker: pool.Worker) -> None:
    code = (
        "import os, sys; from vidtune.media import *; from vidtune.media import _worker_pool as pool\n"
        f"read = lambda: read_frames({str(CLIP)!r}, SamplingConfig(num_frames=4))\n"
        "read(); before = {worker.pid for worker in pool._pool._all}\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    read(); os._exit(0 if before.isdisjoint({worker.pid for worker in pool._pool._all}) else 3)\n"
        "assert os.waitpid(child, 0)[1] == 0; read()\n"
        "assert before == {worker.pid for worker in pool._pool._all}"
    )

    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_no_decoder_outlives_its_user() -> None:
    code = (
        "from vidtune.media import *; from vidtune.media import _worker_pool as pool\n"
        f"read_frames({str(CLIP)!r}, SamplingConfig()); print(*[worker.pid for worker in pool._pool._all])\n"
        "import os; os._exit(0)"  # without any of the steps that end a process in good order
    )
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    pid = int(output)
    until_s = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
        assert time.monotonic() < until_s, "the decoder is still there"
        time.sleep(0.05)


def kill_at_work(pid: int, kind: signal.Signals, after_s: float = 0.1) -> None:
    """Send a signal to a process as soon as it has something to do."""
    os.kill(pid, signal.SIGSTOP)

    def strike() -> None:
        os.kill(pid, kind)
        os.kill(pid, signal.SIGCONT)

    threading.Timer(after_s, strike).start()
