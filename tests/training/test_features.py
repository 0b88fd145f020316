"""What a frozen vision tower makes of a clip is computed once, and the losses stay what they were."""

import json

import pytest
import torch

from vidtune.core.errors import ConfigInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.training import FeatureCache, read_history, train


def losses(run):
    return [record["loss"] for record in read_history(run.training_log).steps]


def count_tower_passes(monkeypatch):
    from transformers.models.qwen2_vl.modeling_qwen2_vl import Qwen2VisionTransformerPretrainedModel as Tower

    passes, forward = [], Tower.forward

    def counted(self, *args, **kwargs):
        passes.append(1)
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(Tower, "forward", counted)
    return passes


def test_the_tower_runs_once_a_clip_and_the_losses_are_the_same(recipe, tmp_path, monkeypatch):
    passes = count_tower_passes(monkeypatch)
    once, always = RunDirectory(tmp_path / "once"), RunDirectory(tmp_path / "always")

    train(recipe(), once)
    num_once = len(passes)
    train(recipe(loop={"reuse_features": False}), always)

    assert num_once == 10, "one for each of 10, the first of them to see what a clip takes"
    assert len(passes) - num_once == 6
    torch.testing.assert_close(losses(once), losses(always), rtol=0, atol=1e-5)


def test_what_does_not_fit_into_memory_is_not_kept(recipe, tmp_path, monkeypatch):
    passes = count_tower_passes(monkeypatch)
    train(recipe(limits={"memory_mib": 0}), RunDirectory(tmp_path / "run"))

    assert len(passes) == 1 + 6, "one to see what a clip takes, then one a step"


def test_questions_about_one_clip_that_follow_each_other_share_its_features(recipe, clips, tmp_path, monkeypatch):
    samples = json.loads((clips / "train.json").read_text())
    for place, sample in enumerate(samples):
        sample["video"] = f"clip_{place // 5:02d}.mp4"
    (tmp_path / "questions.json").write_text(json.dumps(samples))
    passes = count_tower_passes(monkeypatch)

    train(recipe(data={"path": str(tmp_path / "questions.json")}), RunDirectory(tmp_path / "run"))

    assert len(passes) == 2, "ten questions about two clips"


def on_disk(tmp_path, **others):
    return {"enabled": True, "folder": str(tmp_path / "cache"), **others}


def test_another_run_takes_the_features_from_the_disk_with_equal_losses(recipe, tmp_path, monkeypatch):
    passes = count_tower_passes(monkeypatch)
    first, second, alone = (RunDirectory(tmp_path / name) for name in ("first", "second", "alone"))
    train(recipe(limits={"feature_cache": on_disk(tmp_path)}), first)
    assert len(passes) == 10

    train(recipe(limits={"feature_cache": on_disk(tmp_path)}, optim={"schedule": "constant"}), second)

    assert len(passes) == 10, "nothing was computed anew"
    train(recipe(optim={"schedule": "constant"}), alone)
    assert losses(second) == losses(alone)


def test_features_that_do_not_fit_into_memory_are_read_from_disk(recipe, tmp_path, monkeypatch):
    passes = count_tower_passes(monkeypatch)
    streamed, alone = RunDirectory(tmp_path / "streamed"), RunDirectory(tmp_path / "alone")

    train(recipe(limits={"memory_mib": 0, "feature_cache": on_disk(tmp_path)}), streamed)

    assert len(passes) == 10
    train(recipe(), alone)
    assert losses(streamed) == losses(alone)


def test_features_that_were_cleared_meanwhile_are_computed_again(recipe, tmp_path):
    cleared, alone = RunDirectory(tmp_path / "cleared"), RunDirectory(tmp_path / "alone")

    def clear(stage, *_):
        if stage == "train":
            FeatureCache(tmp_path / "cache").clear()

    train(recipe(limits={"memory_mib": 0, "feature_cache": on_disk(tmp_path)}), cleared, progress=clear)

    train(recipe(), alone)
    assert losses(cleared) == losses(alone)


def test_other_weights_and_other_pixels_are_other_entries(recipe, tmp_path):
    train(recipe(limits={"feature_cache": on_disk(tmp_path)}), RunDirectory(tmp_path / "run"))
    num_entries = FeatureCache(tmp_path / "cache").usage().num_entries

    train(
        recipe(limits={"feature_cache": on_disk(tmp_path)}, sampling={"num_frames": 2}),
        RunDirectory(tmp_path / "frames"),
    )

    assert FeatureCache(tmp_path / "cache").usage().num_entries == 2 * num_entries


def test_a_folder_that_cannot_be_written_costs_time_and_no_losses(recipe, tmp_path, monkeypatch):
    passes = count_tower_passes(monkeypatch)
    (tmp_path / "file").touch()
    unwritable = {"enabled": True, "folder": str(tmp_path / "file" / "in")}
    told, run, alone = [], RunDirectory(tmp_path / "run"), RunDirectory(tmp_path / "alone")

    train(recipe(limits={"memory_mib": 0, "feature_cache": unwritable}), run, progress=lambda *said: told.append(said))

    assert len(passes) == 1 + 6, "one to see what a clip takes, then one a step"
    assert any("not kept" in str(said) for said in told)
    train(recipe(loop={"reuse_features": False}), alone)
    assert losses(run) == losses(alone)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"adapter": {"modalities": ["language", "vision"]}}, "the adapter trains the vision"),
        ({"adapter": {"modules_to_train": ["projector"]}}, "the adapter trains the projector"),
        ({"augmentation": {"flip": 0.5}}, "augmentation changes the pixels"),
    ],
)
def test_features_that_would_change_are_refused(recipe, tmp_path, changes, reason):
    with pytest.raises(ConfigInvalid, match=reason):
        train(recipe(**changes, loop={"reuse_features": True}), RunDirectory(tmp_path / "run"))
