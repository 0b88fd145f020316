"""Does it use the video? Asked of real models through the program: one that looks passes, one that does not is told.

The one that looks is nano, about drawn people whose clothes, room and posture are known. The one that does not is a
family of a plugin: nano's own weights behind a door that drops the clip. Its data is a shortcut: what its questions
alone make it say is what the annotations call right, so its score is perfect.
"""

import json
import os
import shutil

import pytest
import torch

from vidtune.core.durable import RecordLog, read_json
from vidtune.core.rundir import RunDirectory
from vidtune.models import families
from vidtune.models.families.qwen2_vl import Qwen2VL

SEEN = ("top", "trousers", "wall", "floor", "posture")
CONDITIONS = {"blank", "reversed", "shuffled", "single_frame", "text_only", "wrong_video"}
SHORT = ["--max-new-tokens", 8, "--num-frames", 4]


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A folder of drawn people, and all questions about them."""
    from vidtune.config import build_config
    from vidtune.packs import packs

    folder = tmp_path_factory.mktemp("people")
    pack = packs.get("generic")
    pack.synthesize(folder, build_config(pack.config_class, {"num_clips": 24, "questions_per_clip": 6}, source="test"))
    records = []
    for split in ("train", "val", "test"):
        records += json.loads((folder / f"generic_{split}.json").read_text())
    return folder, [record for record in records if record["kind"] != "caption"]


def write_questions(path, records):
    path.write_text(json.dumps([{**record, "protocol": "short_answers"} for record in records]))
    return path


class Blindfolded(Qwen2VL):
    """The packaged model behind a door that drops every clip: its answers come from the question alone."""

    name = "blindfolded"
    model_types = ("blindfolded_vl",)

    def load_weights(self, folder, **options):
        from transformers import Qwen2VLConfig

        return super().load_weights(folder, config=Qwen2VLConfig.from_pretrained(folder), **options)

    def encode_prompts(self, processor, items):
        return super().encode_prompts(processor, [(turns, None) for turns, _ in items])

    def encode_around_clip(self, processor, turns, frames):
        return self.encode_prompts(processor, [(turns, None)])["input_ids"][0].tolist(), []


class Demanding(Blindfolded):
    """A model that refuses a question without a clip."""

    def encode_prompts(self, processor, items):
        if any(frames is None for _, frames in items):
            raise ValueError("a clip is needed")
        return super().encode_prompts(processor, items)


@pytest.fixture
def blindfolded(tmp_path, monkeypatch):
    """The folder of a checkpoint that the plugin's family opens."""

    def make(family=Blindfolded):
        import vidtune.models.nano as nano

        folder = tmp_path / family.__name__
        shutil.copytree(os.path.join(next(iter(nano.__path__)), "weights"), folder)
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "model_type": "blindfolded_vl"}))
        monkeypatch.setitem(families._targets, "blindfolded", family())
        return folder

    return make


def predict(vidtune, model, data, folder, out, *more):
    arguments = ["--model", model, "--data", data, "--videos", folder, "--out", out, *SHORT, *more]
    status, _, error = vidtune("predict", *arguments)
    assert status == 0, error
    return RunDirectory(out)


def probe(vidtune, run, *more):
    status, out, error = vidtune("evaluate", run.path, "--no-bert", "--probe", "video", *more)
    assert status == 0, error
    return read_json(run.probe("video")), out


def test_a_model_that_reads_the_pixels_passes(vidtune, people, tmp_path):
    folder, records = people
    data = write_questions(tmp_path / "seen.json", [one for one in records if one["kind"] in SEEN])
    run = predict(vidtune, "nano", data, folder, tmp_path / "run")

    record, text = probe(vidtune, run)

    assert record["verdict"]["status"] == "ok"
    assert record["verdict"]["headline"].startswith("The answers depend on the video")
    assert {one["condition"] for one in record["conditions"] if one["status"] == "done"} == CONDITIONS
    rows = {row["condition"]: row for row in record["rows"] if row["metric"] == "normalised_match"}
    assert all(row["interval"][0] > 0.2 for name, row in rows.items() if name in ("blank", "wrong_video", "text_only"))
    assert rows["shuffled"]["verdict"].startswith("the order of frames makes no clear difference")
    assert "Does it use the video?" in text
    assert "ok    video_use: The answers depend on the video" in text
    for one in record["conditions"]:
        asked = RecordLog(run.path / one["predictions"]).read()
        assert {answer["condition"] for answer in asked} == {one["condition"]}
    assert read_json(run.metrics)["probe"] == record


def test_a_model_that_answers_from_the_question_alone_is_flagged_whatever_its_score(
    vidtune, people, blindfolded, tmp_path
):
    folder, records = people
    model = blindfolded()
    several = list({one["conversations"][0]["value"]: one for one in records}.values())[:24]
    first = predict(vidtune, model, write_questions(tmp_path / "questions.json", several), folder, tmp_path / "first")
    said = {one["sample_id"]: one["prediction"] for one in RecordLog(first.predictions).read()}
    asked, _ = several, [one["conversations"][1].update(value=said[one["id"]]) for one in several]
    run = predict(vidtune, model, write_questions(tmp_path / "shortcut.json", asked), folder, tmp_path / "run")

    record, text = probe(vidtune, run)

    assert read_json(run.metrics)["metrics"]["normalised_match"]["mean"] == 1.0
    assert record["verdict"]["status"] == "fail"
    assert record["verdict"]["headline"].startswith("The answers do not depend on the video: 100% are the same with")
    assert all(row["gain"] == 0 for row in record["rows"])
    assert "FAIL  video_use: The answers do not depend on the video" in text


def test_a_family_that_needs_a_clip_has_the_condition_without_one_reported_and_the_rest_done(
    vidtune, people, blindfolded, tmp_path
):
    folder, records = people
    data = write_questions(tmp_path / "few.json", records[:6])
    run = predict(vidtune, blindfolded(Demanding), data, folder, tmp_path / "run")

    record, text = probe(vidtune, run, "--limit", 3)

    without = next(one for one in record["conditions"] if one["condition"] == "text_only")
    assert without["status"] == "not_possible"
    assert without["reason"] == "blindfolded does not take a question without a clip (ValueError: a clip is needed)"
    assert "Text only was not possible: blindfolded does not take" in text
    assert {one["n"] for one in record["conditions"] if one["status"] == "done"} == {3}


def test_a_probe_needs_a_run_that_says_how_it_was_predicted(vidtune, people, tmp_path):
    folder, records = people
    run = predict(vidtune, "nano", write_questions(tmp_path / "few.json", records[:3]), folder, tmp_path / "run")
    run.recipe.unlink()

    status, _, error = vidtune("evaluate", run.path, "--no-bert", "--probe", "video")
    assert (status, "has no recipe.yaml" in error) == (65, True)

    status, _, error = vidtune("evaluate", run.path, "--no-bert", "--limit", 3)
    assert (status, "--limit has no effect without --probe" in error) == (2, True)
