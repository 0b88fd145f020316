"""A busy machine is not the clip's fault: what a decoder waits for a core does not count as its time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vidtune.media._starved import starved_s

pytestmark = pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this kernel does not tell")

SPIN = "import time\nend = time.process_time() + 30\nwhile time.process_time() < end: pass"
WORK_UNTIL_LATE = """
import sys, time
from pathlib import Path
from vidtune.core.errors import VideoTimeout
from vidtune.media._container import Deadline

deadline = Deadline(Path("clip.mp4"), 0.5)
begin_s, begin_cpu_s = time.monotonic(), time.process_time()
try:
    while time.process_time() - begin_cpu_s < 0.3:
        deadline.check()
except VideoTimeout:
    print("timeout")
else:
    print(f"{time.monotonic() - begin_s}")
"""


@contextmanager
def spinning_on(core: int, how_many: int) -> Iterator[None]:
    spinners = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(how_many)]
    try:
        for spinner in spinners:
            os.sched_setaffinity(spinner.pid, {core})
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


def work_on(core: int) -> str:
    worker = subprocess.Popen([sys.executable, "-c", WORK_UNTIL_LATE], stdout=subprocess.PIPE, text=True)
    os.sched_setaffinity(worker.pid, {core})
    said, _ = worker.communicate(timeout=60)
    return said.strip()


def test_a_process_that_sleeps_waits_for_no_core_and_one_among_others_does() -> None:
    core = min(os.sched_getaffinity(0))
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        time.sleep(0.5)
        before_s = starved_s(sleeper.pid)
        with spinning_on(core, 3):
            os.sched_setaffinity(sleeper.pid, {core})
            time.sleep(1)
            assert starved_s(sleeper.pid) - before_s < 0.2
        with spinning_on(core, 1):
            busy = subprocess.Popen([sys.executable, "-c", SPIN])
            os.sched_setaffinity(busy.pid, {core})
            time.sleep(1.5)
            assert starved_s(busy.pid) > 0.3
            busy.kill()
            busy.wait()
    finally:
        sleeper.kill()
        sleeper.wait()
    assert starved_s(sleeper.pid) == 0.0


def test_a_clip_among_busy_neighbours_keeps_its_time() -> None:
    core = min(os.sched_getaffinity(0))
    with spinning_on(core, 2):
        took_s = work_on(core)

    assert took_s != "timeout"
    assert float(took_s) > 0.5  # longer than the limit of half a second, none of it the clip's fault


def test_a_clip_that_takes_its_time_alone_has_no_more() -> None:
    late = WORK_UNTIL_LATE.replace("deadline.check()", "time.sleep(0.7); deadline.check()")
    said = subprocess.run([sys.executable, "-c", late], capture_output=True, text=True, check=True).stdout.strip()

    assert said == "timeout"
