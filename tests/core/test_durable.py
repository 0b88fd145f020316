import errno
import json
import os
import signal
import subprocess
import sys

import pytest

from vidtune.core import durable
from vidtune.core.durable import RecordLog, read_json, write_atomic, write_json
from vidtune.core.errors import DataInvalid, DiskFull, RunCorrupt


def write_log(path, num_records):
    with RecordLog(path) as log:
        for number in range(num_records):
            log.append({"sample_id": f"s{number}", "text": "é\n\u2028", "value": number / 3})


def test_what_is_appended_is_read_back(tmp_path):
    write_log(tmp_path / "log.jsonl", 3)

    records = RecordLog(tmp_path / "log.jsonl").read()

    assert [record["sample_id"] for record in records] == ["s0", "s1", "s2"]
    assert records[1] == {"sample_id": "s1", "text": "é\n\u2028", "value": 1 / 3}


def test_a_log_cut_at_any_byte_resumes_with_every_whole_record_once(tmp_path):
    path = tmp_path / "log.jsonl"
    write_log(path, 4)
    whole = path.read_bytes()
    line_ends = [position + 1 for position, byte in enumerate(whole) if byte == ord("\n")]

    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        num_whole = sum(end <= cut for end in line_ends)
        with RecordLog(path) as log:
            for number in range(num_whole, 4):
                log.append({"sample_id": f"s{number}", "text": "é\n\u2028", "value": number / 3})
        assert path.read_bytes() == whole, f"cut at byte {cut}"


def test_a_changed_byte_anywhere_but_in_a_torn_tail_is_refused(tmp_path):
    path = tmp_path / "log.jsonl"
    write_log(path, 3)
    whole = bytearray(path.read_bytes())

    for position in range(len(whole) - 1):
        damaged = bytearray(whole)
        damaged[position] ^= 0x01
        path.write_bytes(damaged)
        with pytest.raises(RunCorrupt, match="fails its checksum"):
            RecordLog(path).read()


def test_numbers_that_json_does_not_know_are_refused(tmp_path):
    with RecordLog(tmp_path / "log.jsonl") as log, pytest.raises(ValueError, match="Out of range float"):
        log.append({"loss": float("nan")})
    assert (tmp_path / "log.jsonl").read_bytes() == b""


def test_a_full_disk_is_named_and_leaves_whole_records(tmp_path):
    """A child may write 300 bytes a file at most: the kernel then writes short and fails, as a full disk does."""
    code = f"""
import resource, signal
from pathlib import Path
from vidtune.core.durable import RecordLog, write_atomic
from vidtune.core.errors import DiskFull
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300))
log_path = Path({str(tmp_path)!r}) / "log.jsonl"
with RecordLog(log_path) as log:
    try:
        for number in range(100):
            log.append({{"sample_id": str(number), "text": "x" * 50}})
    except DiskFull as exc:
        print(number, exc.code, exc.exit_status)
try:
    write_atomic(log_path.with_name("whole.txt"), "x" * 1000)
except DiskFull:
    print("refused")
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    num_written, error_code, exit_status = result.stdout.splitlines()[0].split()
    assert (error_code, exit_status) == ("disk_full", "75")
    assert len(RecordLog(tmp_path / "log.jsonl").read()) == int(num_written) > 0
    assert result.stdout.splitlines()[1] == "refused"
    assert sorted(os.listdir(tmp_path)) == ["log.jsonl"]


def test_a_folder_that_refuses_a_file_is_told_of_that_file(tmp_path):
    path = tmp_path / ("x" * 240 + ".json")  # the name while it is written is longer than a name may be

    with pytest.raises(OSError, match="too long") as caught:
        write_json(path, {})

    assert caught.value.filename == str(path)


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_file_is_the_old_one_when_a_step_of_writing_fails(tmp_path, monkeypatch, call):
    path = tmp_path / "value.json"
    write_json(path, {"version": 1})

    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(durable.os if call == "fsync" else durable.Path, call, fail)
    with pytest.raises(DiskFull, match="bytes are free"):
        write_json(path, {"version": 2})
    monkeypatch.undo()

    assert read_json(path) == {"version": 1}
    assert os.listdir(tmp_path) == ["value.json"]


def test_kill_minus_nine_in_the_middle_of_writing_loses_nothing_that_was_acknowledged(tmp_path):
    path = tmp_path / "log.jsonl"
    code = f"""
import os, signal, sys
from pathlib import Path
from vidtune.core.durable import RecordLog
with RecordLog(Path({str(path)!r})) as log:
    for number in range(200):
        if number == 57:
            os.write(log._handle, b'{{"sample_id": "torn", "te')
            os.kill(os.getpid(), signal.SIGKILL)
        log.append({{"sample_id": str(number)}})
"""
    child = subprocess.run([sys.executable, "-c", code], check=False)

    assert child.returncode == -signal.SIGKILL
    with RecordLog(path) as log:
        log.append({"sample_id": "after"})
    assert [record["sample_id"] for record in RecordLog(path).read()] == [*map(str, range(57)), "after"]


@pytest.mark.parametrize(
    "content", [b"{", b'{"a": NaN}', b'{"a": -Infinity}', b"\xff\xfe", b"[" * 200_000, b""], ids=range(6)
)
def test_a_file_that_is_not_json_is_named(tmp_path, content):
    path = tmp_path / "value.json"
    path.write_bytes(content)

    with pytest.raises(DataInvalid, match=r"value\.json is not valid JSON"):
        read_json(path)


def test_a_byte_order_mark_does_not_disturb(tmp_path):
    path = tmp_path / "value.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"a": 1}).encode())

    assert read_json(path) == {"a": 1}


def test_an_atomic_write_is_readable_by_others(tmp_path):
    write_atomic(tmp_path / "a.txt", "x")

    assert (tmp_path / "a.txt").stat().st_mode & 0o444 == 0o444
