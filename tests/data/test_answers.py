import pytest
from tests.data.writing import qved, write

from vidtune.core.errors import DataInvalid
from vidtune.data import read_dataset, require_answers, write_qved


def test_samples_without_an_answer_are_refused_in_one_line_that_names_them(tmp_path):
    records = [qved(f"{number}.mp4", "fine" if number == 3 else "") for number in range(9)]
    dataset = read_dataset(write(tmp_path / "test.json", records))

    with pytest.raises(DataInvalid) as caught:
        require_answers(dataset.samples, "test.json", purpose="nothing can be learned from them")

    assert str(caught.value) == (
        "test.json: 8 of 9 samples have no reference answer, so nothing can be learned from them: "
        "0, 1, 2, 4, 5 and 3 more. Add their answers to the data, or leave these samples "
        "out (data.exclude); `vidtune predict` needs no answers."
    )


def test_answered_samples_pass(tmp_path):
    dataset = read_dataset(write(tmp_path / "test.json", [qved("a.mp4")]))

    require_answers(dataset.samples, "test.json", purpose="never said")


def test_samples_without_an_answer_are_written_and_read_back(tmp_path):
    dataset = read_dataset(write(tmp_path / "test.json", [qved("a.mp4", ""), qved("b.mp4")]))

    write_qved(dataset.samples, tmp_path / "again.json")

    assert read_dataset(tmp_path / "again.json").samples == dataset.samples
