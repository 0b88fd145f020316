"""The same questions asked in several ways, and the facts of confidence that each answer carries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.inference.conftest import make_config, write_qved

from vidtune.core.durable import RecordLog, read_json
from vidtune.core.errors import BadUsage, ConfigInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.data import Turn
from vidtune.inference import GenerationConfig, PredictConfig, Request, generate, list_variants, predict_variants
from vidtune.inference import _loading as loading
from vidtune.inference._augment import View
from vidtune.media import SamplingConfig, read_frames
from vidtune.models import LoadedModel


@pytest.fixture
def config(tiny_folder: Path, clips: Path, tmp_path: Path) -> PredictConfig:
    return make_config(tiny_folder, write_qved(tmp_path / "test.json", ["clip_0.mp4", "clip_1.mp4"]), clips)


def test_entropy_and_margin_are_those_of_the_models_own_logits(loaded: LoadedModel) -> None:
    request = Request((Turn("user", "What colour is the shirt?"),))

    answer = generate(loaded, [request], GenerationConfig(max_new_tokens=5), num_top_logprobs=2)[0]

    inputs = loaded.family.encode_prompts(loaded.processor, [(request.turns, None)])
    ids = torch.cat([inputs["input_ids"], torch.tensor([list(answer.token_ids)])], dim=1)
    with torch.no_grad():
        logits = loaded.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]
    start = inputs["input_ids"].shape[1] - 1
    told = torch.distributions.Categorical(logits=logits[start : start + len(answer.token_ids)].double())
    first, second = told.probs.topk(2).values.T
    assert answer.mean_entropy == pytest.approx(float(told.entropy().mean()), abs=1e-4)
    assert answer.mean_margin == pytest.approx(float((first - second).mean()), abs=1e-4)
    assert [len(top) for top in answer.top_logprobs] == [2] * 5


def test_a_token_that_cannot_come_leaves_the_entropy_a_number() -> None:
    from vidtune.inference._decode import _facts

    logprobs = torch.tensor([[0.5, 0.5, 0.0]]).log()

    assert _facts(logprobs, torch.tensor([0]))[0] == pytest.approx([-0.6931472, 0.6931472, 0.0])


def test_ways_are_the_recipe_its_changes_and_draws_of_each(config: PredictConfig) -> None:
    ways = list_variants(
        config, num_samples=2, augment=["sampling.kind=motion+sampling.num_frames=2", "augment=mirror"]
    )

    assert [way.name for way in ways] == [
        f"{name}-sample-{number}" for name in ("as-is", "augment-1", "augment-2") for number in (1, 2)
    ]
    assert [way.config.generation.seed for way in ways] == [0, 1] * 3
    assert all(way.config.generation.do_sample for way in ways)
    assert ways[2].config.sampling.kind == "motion"
    assert [way.name for way in list_variants(config, augment=["augment=mirror"])] == ["as-is", "augment-1"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("model.source=other", BadUsage),
        ("data.limit=1", BadUsage),
        ("batch_size=3", BadUsage),
        ("sampling.kind=uniform", BadUsage),
        ("sampling.frames=3", ConfigInvalid),
    ],
)
def test_a_way_that_is_none_is_refused(config: PredictConfig, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        list_variants(config, augment=[text])


def test_members_are_ordinary_runs_and_the_model_is_loaded_once(
    config: PredictConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = []
    plain = loading.load_configured
    monkeypatch.setattr(loading, "load_configured", lambda *args, **kwargs: loads.append(1) or plain(*args, **kwargs))
    run = RunDirectory(tmp_path / "run")
    ways = list_variants(config, num_samples=3)

    folders = predict_variants(ways, run)
    before = [(folder / "predictions.jsonl").read_bytes() for folder in folders]
    predict_variants(ways, run)

    assert len(loads) == 1  # and nothing was left to ask the second time
    assert [(folder / "predictions.jsonl").read_bytes() for folder in folders] == before
    texts = [[record["prediction"] for record in RecordLog(folder / "predictions.jsonl").read()] for folder in folders]
    assert len({tuple(one) for one in texts}) > 1
    record = RecordLog(folders[0] / "predictions.jsonl").read()[0]
    assert record["mean_entropy"] > 0
    assert 0 <= record["mean_margin"] <= 1
    assert read_json(folders[0] / "environment.json")["num_expected"] == 2


def test_a_mirrored_clip_is_asked_and_answered_mirrored(clips: Path, loaded: LoadedModel) -> None:
    frames = read_frames(clips / "clip_0.mp4", SamplingConfig(num_frames=2))
    view = View("mirror")

    shown = view.frames(frames)

    assert (shown.frames_thwc == frames.frames_thwc[:, :, ::-1]).all()
    assert view.turns((Turn("user", "Is the left knee in line?"),))[0].text == "Is the right knee in line?"
    answer = generate(loaded, [Request((Turn("user", "What?"),))], GenerationConfig(max_new_tokens=2))[0]
    assert view.answer(replace(answer, text="The right knee drifts.")).text == "The left knee drifts."
    assert View(None).frames(frames) is frames
    assert View("brightness:1").answer(answer) is answer
    with pytest.raises(BadUsage, match="names 5 changes"):
        View("brightness:1-5")
