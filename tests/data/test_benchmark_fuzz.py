"""Whatever is done to a benchmark's file, what comes out is a data set or our own error with a place."""

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.test_benchmarks import FILES, FOLDER

from vidtune.core.errors import DataInvalid
from vidtune.data import read_dataset

QUICK = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=6,
)
JSON_FILES = sorted({(name, format) for name, format, *_ in FILES if name.endswith((".json", ".jsonl"))})
TABLES = sorted({(name, format) for name, format, *_ in FILES if name.endswith(".csv")})


def places_in(value, path=()):
    """Every place of a JSON value that something can be put into."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in children:
        yield (*path, key)
        yield from places_in(item, (*path, key))


def read_or_refuse(path, format):
    told = ""
    samples = ()
    try:
        samples = read_dataset(path, format=format).samples
    except DataInvalid as exc:
        told = str(exc)
    assert samples or path.name in told
    assert len({sample.sample_id for sample in samples}) == len(samples)
    for sample in samples:
        assert sample.video
        assert sample.question


@pytest.mark.parametrize(("name", "format"), JSON_FILES)
@QUICK
@given(data=st.data())
def test_any_value_in_any_place_is_read_or_told(tmp_path, name, format, data):
    text = (FOLDER / name).read_text(encoding="utf-8")
    is_lines = name.endswith("l")
    value = [json.loads(line) for line in text.splitlines()] if is_lines else json.loads(text)
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from(list(places_in(value))))
        inner = value
        for key in path:
            inner = inner[key]
        inner[last] = data.draw(VALUES)
    target = tmp_path / Path(name).name
    target.write_text("\n".join(map(json.dumps, value)) if is_lines else json.dumps(value), encoding="utf-8")

    read_or_refuse(target, data.draw(st.sampled_from(["auto", format])))


@pytest.mark.parametrize(("name", "format"), TABLES)
@QUICK
@given(data=st.data())
def test_any_cell_of_a_table_is_read_or_told(tmp_path, name, format, data):
    tab = "\t" if format == "lsmdc" else ","
    rows = list(csv.reader(io.StringIO((FOLDER / name).read_text(encoding="utf-8")), delimiter=tab))
    row = data.draw(st.sampled_from(rows))
    row[data.draw(st.integers(0, len(row) - 1))] = data.draw(
        st.text(max_size=8) | st.just("json:{") | st.just("json:[1]")
    )
    out = io.StringIO()
    csv.writer(out, delimiter=tab, lineterminator="\n").writerows(rows)
    target = tmp_path / Path(name).name
    target.write_text(out.getvalue(), encoding="utf-8")
    if name.startswith("msr_vtt"):
        (tmp_path / "MSRVTT_data.json").write_bytes((FOLDER / "msr_vtt/MSRVTT_data.json").read_bytes())

    read_or_refuse(target, data.draw(st.sampled_from(["auto", format])))
