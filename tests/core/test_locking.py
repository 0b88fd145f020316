import os
import signal
import subprocess
import sys

import pytest

from vidtune.core.errors import RunLocked
from vidtune.core.locking import RunLock


def test_a_second_writer_is_refused_and_told_who_holds_the_run(tmp_path):
    code = f"""
import sys
from pathlib import Path
from vidtune.core.locking import RunLock
with RunLock(Path({str(tmp_path)!r})):
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunLocked, match=f'"pid": {holder.pid}'), RunLock(tmp_path):
            pass
        holder.kill()
        assert holder.wait() == -signal.SIGKILL

    with RunLock(tmp_path):  # the lock of a killed process is free at once
        assert str(os.getpid()) in (tmp_path / ".lock").read_text()


def test_a_released_lock_can_be_taken_again(tmp_path):
    for _ in range(2):
        with RunLock(tmp_path):
            pass
