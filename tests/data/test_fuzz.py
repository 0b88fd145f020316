"""Whatever bytes come in, what comes out is a data set or our own error with a place."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.writing import messages, qved

from vidtune.core.errors import DataInvalid
from vidtune.data import read_dataset

QUICK = settings(
    max_examples=250,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
THOROUGH = settings(QUICK, max_examples=2000)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
KEYS = ["id", "video", "videos", "conversations", "messages", "split", "subject", "label", "system", "images", "errors"]


@st.composite
def manifests(draw):
    """A valid file in either format, then one or two things done to it."""
    records = [draw(st.sampled_from([qved, messages]))(f"{number}.mp4") for number in range(draw(st.integers(1, 3)))]
    for _ in range(draw(st.integers(0, 2))):
        record = draw(st.sampled_from(records))
        where = draw(st.sampled_from(["key", "turn", "part"]))
        value = draw(json_values)
        turns = record.get("conversations", record.get("messages"))
        if where == "key" or not isinstance(turns, list) or not turns or not isinstance(turns[0], dict):
            record[draw(st.sampled_from(KEYS))] = value
        elif where == "turn":
            turns[0] = value
        else:
            turns[0][draw(st.sampled_from(["from", "value", "role", "content"]))] = value
    is_lines = draw(st.booleans())
    text = (
        "\n".join(map(json.dumps, records))
        if is_lines
        else json.dumps(records, indent=draw(st.sampled_from([None, 1])))
    )
    data = text.encode()
    damage = draw(st.sampled_from(["none", "cut", "insert", "swap", "bom", "crlf", "token"]))
    at = draw(st.integers(0, len(data)))
    tokens = [
        b"NaN",
        b"1e999",
        b"-Infinity",
        b"9" * 5000,
        b"[" * 3000,
        b'"\\ud800"',
        b'{"a":1,"a":2}',
        b"\xff\xfe",
        b"\x00",
    ]
    if damage == "cut":
        data = data[:at]
    elif damage == "insert":
        data = data[:at] + draw(st.binary(max_size=6)) + data[at:]
    elif damage == "swap":
        data = data.replace(draw(st.sampled_from([b'"', b":", b",", b"{", b"]"])), draw(st.binary(max_size=2)), 1)
    elif damage == "bom":
        data = draw(st.sampled_from([b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"])) + data
    elif damage == "crlf":
        data = data.replace(b"\n", b"\r\n")
    elif damage == "token":
        data = data.replace(
            draw(st.sampled_from([b'"gpt"', b'"assistant"', b'"0.mp4"'])), draw(st.sampled_from(tokens)), 1
        )
    return data


def read_or_refuse(path: Path):
    """Return the data set or our own error; any other exception fails the test."""
    try:
        return read_dataset(path)
    except DataInvalid as exc:
        return exc


def check_one(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    outcome = read_or_refuse(path)
    if isinstance(outcome, DataInvalid):
        assert outcome.findings
        assert all(finding.startswith((path.name, "... and")) for finding in outcome.findings)
        assert all(finding.isprintable() for finding in outcome.findings)
    else:
        assert len(outcome) > 0
        assert all(sample.question.strip() for sample in outcome)
        assert all(bool(sample.answer.strip()) == sample.is_answered for sample in outcome)


@QUICK
@given(data=manifests())
def test_a_damaged_manifest_gives_samples_or_located_findings(tmp_path, data):
    check_one(tmp_path / "fuzz.json", data)


@QUICK
@given(data=st.binary(max_size=200))
def test_any_bytes_give_samples_or_located_findings(tmp_path, data):
    check_one(tmp_path / "fuzz.json", data)


@QUICK
@given(value=json_values)
def test_any_json_beside_the_file_is_used_or_named(tmp_path, value):
    (tmp_path / "fuzz.json").write_text(json.dumps([qved("a/0.mp4")]))
    for name in ("manifest.json", "subjects.json", "annotated_errors.json"):
        (tmp_path / name).write_text(json.dumps(value))
        outcome = read_or_refuse(tmp_path / "fuzz.json")
        assert len(outcome.findings if isinstance(outcome, DataInvalid) else outcome) > 0
        (tmp_path / name).unlink()


@pytest.mark.slow
@THOROUGH
@given(data=manifests())
def test_two_thousand_damaged_manifests_give_samples_or_located_findings(tmp_path, data):
    check_one(tmp_path / "fuzz.json", data)
