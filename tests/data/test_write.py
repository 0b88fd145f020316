import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.data.writing import qved, write

from vidtune.core.errors import DataInvalid
from vidtune.data import Sample, Turn, read_dataset, write_dataset, write_messages, write_qved

words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(str.strip)
names = st.text("abcdefghij0123", min_size=1, max_size=8)
values = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | words | st.lists(words, max_size=2)


@st.composite
def samples(draw):
    turns = [Turn("system", draw(words))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        turns += [Turn("user", draw(words)), Turn("assistant", draw(words))]
    return Sample(
        draw(names),
        f"{draw(names)}/{draw(names)}.mp4",
        tuple(turns),
        split=draw(st.none() | names),
        subject=draw(st.none() | names),
        label=draw(names),
        meta=draw(st.dictionaries(names.map("x_{}".format), values, max_size=2)),
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=st.lists(samples(), min_size=1, max_size=4, unique_by=lambda sample: sample.sample_id))
def test_what_is_written_reads_back_as_the_same_samples(tmp_path, written):
    for format_name in ("qved", "messages"):
        path = tmp_path / f"data.{format_name}"
        write_dataset(written, path, format=format_name)

        dataset = read_dataset(path)

        assert dataset.samples == tuple(written)
        assert dataset.format == format_name


def test_a_file_of_others_survives_the_way_through_both_formats(tmp_path):
    records = [qved("squats/1.mp4", question="<video>\nHow?"), qved("lunges/2.mp4", "lunges - deep", split="test", n=1)]
    read = read_dataset(write(tmp_path / "in.json", records)).samples

    write_messages(read, tmp_path / "through.jsonl")
    write_qved(read_dataset(tmp_path / "through.jsonl").samples, tmp_path / "out.json")

    assert read_dataset(tmp_path / "out.json").samples == read


def test_messages_mark_the_place_of_the_clip_for_other_trainers(tmp_path):
    write_messages(read_dataset(write(tmp_path / "in.json", [qved("a.mp4")])).samples, tmp_path / "out.jsonl")

    record = json.loads((tmp_path / "out.jsonl").read_text())

    assert record["messages"][0]["content"].startswith("<video>\n")
    assert record["videos"] == ["a.mp4"]


def test_meta_that_would_overwrite_a_field_is_refused_and_nothing_is_written(tmp_path):
    sample = Sample("x", "a.mp4", (Turn("user", "How?"), Turn("assistant", "fine")), meta={"split": "train"})

    with pytest.raises(DataInvalid, match="needs? for themselves: split"):
        write_qved([sample], tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()
