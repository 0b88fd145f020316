import json
from pathlib import Path

import pytest
from tests.evaluation.benchmark_runs import write_answers

from vidtune.core.errors import NotInstalled
from vidtune.evaluation import EvaluateConfig, score_predictions
from vidtune.evaluation.embedding import load_embedder
from vidtune.evaluation.scorers.bert_score import match_tokens
from vidtune.evaluation.scorers.meteor_coco import find_jar

GOLDEN = json.loads(Path(__file__).with_name("bert_score.json").read_text(encoding="utf-8"))
CAPTIONS = json.loads((Path(__file__).parent.parent / "metrics/reference_scores.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("prediction", "reference", "expected"), GOLDEN)
def test_matches_are_those_of_bert_score(prediction, reference, expected):
    said, wanted = load_embedder().embed_tokens([prediction, reference])

    assert match_tokens(said, wanted) == pytest.approx(expected, abs=1e-5)


def test_an_empty_text_matches_nothing():
    said, wanted = load_embedder().embed_tokens(["", "a man"])

    assert match_tokens(said, wanted) == 0.0


def test_it_runs_where_it_is_named(tmp_path):
    run = write_answers(tmp_path, "msr_vtt/MSRVTT_data.json")

    metrics = score_predictions(run.path, EvaluateConfig(metrics=("bert_score",), num_resamples=300)).metrics

    assert metrics["metrics"]["bert_score"]["mean"] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(find_jar() is None, reason="pycocoevalcap is not installed")
def test_meteor_1_5_is_that_of_coco_caption():
    from vidtune.evaluation.scorers.meteor_coco import _run

    one = CAPTIONS["rounds"][1]

    assert _run(list(zip(one["predictions"], CAPTIONS["clips"], strict=True))) == pytest.approx(
        one["meteor_each"], abs=1e-6
    )


@pytest.mark.skipif(find_jar() is not None, reason="pycocoevalcap is installed")
def test_without_its_program_meteor_1_5_says_what_to_install(tmp_path):
    run = write_answers(tmp_path, "msr_vtt/MSRVTT_data.json")

    with pytest.raises(NotInstalled, match="caption_meteor"):
        score_predictions(run.path, EvaluateConfig(metrics=("meteor_coco",)))
