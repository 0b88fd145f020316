"""What a frozen vision tower makes of a clip is computed once, and the losses stay what they were."""

import pytest
import torch

from vidtune.core.errors import ConfigInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.training import read_history, train


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

    assert num_once == 1 + 10, "one to see what a clip takes, then one for each of 10"
    assert len(passes) - num_once == 6
    torch.testing.assert_close(losses(once), losses(always), rtol=0, atol=1e-5)


def test_what_does_not_fit_into_memory_is_not_kept(recipe, tmp_path, monkeypatch):
    passes = count_tower_passes(monkeypatch)
    train(recipe(limits={"memory_mib": 0}), RunDirectory(tmp_path / "run"))

    assert len(passes) == 1 + 6, "one to see what a clip takes, then one a step"


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
