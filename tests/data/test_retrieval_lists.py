"""VATEX's retrieval split under its published names and ActivityNet's paragraphs, as published loaders read them."""

import json

import numpy as np
import pytest
from tests.data.writing import write

from vidtune.core.errors import DataInvalid
from vidtune.data import DataConfig, load_samples, read_dataset

IDS = ("abcdefghij1_000002_000012", "abcdefghij3_000002_000012")
CAPTIONS = {name: [f"caption {number} of {name[10]}." for number in range(10)] for name in IDS}

LAYOUTS = {
    "official": {"vatex_validation_v1.0.json": [{"videoID": name, "enCap": CAPTIONS[name]} for name in IDS]},
    "TS2-Net": {"ref_captions.json": CAPTIONS},
    "NarVid": {"vatex_data.json": {name: {"enCap": CAPTIONS[name], "chCap": []} for name in IDS}},
    "HGR": {"../annotation/RET/ref_captions.json": CAPTIONS},
}


def write_list(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if path.suffix == ".npy":
        np.save(path, np.array(IDS))
    else:
        path.write_text("".join(f"{video}\n" for video in IDS), encoding="utf-8")
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("test_list.txt", "test-hgr"),
        ("val_list.txt", "val-hgr"),
        ("train_list.txt", "train-hgr"),
        ("hgr_test.txt", "test-hgr"),
        ("tst_names.npy", "test-hgr"),
        ("val_names.npy", "val-hgr"),
        ("trn_names.npy", "train-hgr"),
    ],
)
def test_every_published_list_is_read_with_the_captions_beside_it(tmp_path, name, split, layout):
    path = write_list(tmp_path / "public_split", name)
    for file, captions in LAYOUTS[layout].items():
        write(path.parent / file, captions)

    dataset = read_dataset(path)

    assert dataset.format == "vatex_retrieval"
    assert [(sample.video, sample.split) for sample in dataset] == [(video, split) for video in IDS]
    assert all(sample.meta["references"] == CAPTIONS[sample.video] for sample in dataset)
    assert dataset.samples[0].meta["protocol"] == "retrieval"


def test_the_official_captions_go_before_those_of_other_projects(tmp_path):
    path = write_list(tmp_path, "test_list.txt")
    write(tmp_path / "vatex_validation_v1.0.json", LAYOUTS["official"]["vatex_validation_v1.0.json"])
    write(tmp_path / "ref_captions.json", {name: ["tokenised caption"] for name in IDS})

    assert read_dataset(path).samples[0].answer == "caption 0 of 1."


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (np.array([["a"]]), "an array of <U1 with the shape (1, 1)"),
        (np.arange(3), "an array of int64 with the shape (3,)"),
        (np.array([IDS[0], None], dtype=object), "an array that cannot be loaded (Object arrays cannot be loaded"),
    ],
)
def test_an_array_that_is_no_list_of_names_is_told(tmp_path, content, found):
    np.save(tmp_path / "tst_names.npy", content)

    with pytest.raises(DataInvalid) as caught:
        read_dataset(tmp_path / "tst_names.npy")

    assert found in caught.value.findings[0]


def test_a_split_says_under_which_name_its_list_is_published(tmp_path):
    path = write(tmp_path / "vatex_validation_v1.0.json", LAYOUTS["official"]["vatex_validation_v1.0.json"])

    with pytest.raises(DataInvalid, match=r"val_list\.txt with one id a line is expected"):
        load_samples(DataConfig(path=path, videos=tmp_path, split="val-hgr"))


# As of val_1.json: the third sentence begins before the second, and stands after it.
UNORDERED = {
    "duration": 159.13,
    "timestamps": [[0, 159.13], [7.16, 159.13], [0, 158.33]],
    "sentences": ["Men play drums on a dock.", " A band plays.", "People watch. "],
}


def published_paragraph(record):
    """The text of a video as the loaders of CLIP4Clip and TS2-Net make it, up to blanks."""
    return " ".join(" ".join(record["sentences"]).split())


def test_a_paragraph_is_what_published_loaders_make_of_the_video(tmp_path):
    path = write(tmp_path / "val_1.json", {"v_MSSb3wPd5hM": UNORDERED})

    [sample] = read_dataset(path, format="activitynet_paragraphs").samples

    assert sample.answer == published_paragraph(UNORDERED)
    assert sample.meta["references"] == [sample.answer]
    assert (sample.video, sample.split) == ("v_MSSb3wPd5hM", "val")


def test_a_sentence_without_words_is_no_event_and_no_reason_to_refuse_the_file(tmp_path):
    record = {"duration": 9, "timestamps": [[0, 1], [1, 2], [2, 3]], "sentences": ["One.", "  ", "Three."]}
    path = write(tmp_path / "val_1.json", {"v_1": record})

    [paragraph] = read_dataset(path, format="activitynet_paragraphs").samples
    [dense] = read_dataset(path).samples

    assert paragraph.answer == "One. Three."
    assert [(event["start_s"], event["text"]) for event in dense.meta["events"]] == [(0.0, "One."), (2.0, "Three.")]


@pytest.mark.parametrize("sentences", [["One."], ["One.", "Two.", "Three."], [" ", ""], [1, 2], None])
def test_sentences_and_times_that_do_not_go_together_are_told(tmp_path, sentences):
    record = {"duration": 9, "timestamps": [[0, 1], [1, 2]], "sentences": sentences}
    path = tmp_path / "val_1.json"
    path.write_text(json.dumps({"v_1": record, "v_2": UNORDERED}), encoding="utf-8")

    with pytest.raises(DataInvalid, match="1 finding"):
        read_dataset(path, format="activitynet_paragraphs")
