from dataclasses import dataclass

from tests.evaluation.writing import make_record, write_run

from vidtune.evaluation import EvaluateConfig, Score, compare_runs, metrics, score_predictions
from vidtune.metrics import Thresholds

FAST = EvaluateConfig(with_bert=False, num_resamples=500)


@dataclass(frozen=True)
class Brevity:
    """A metric that a user might add: share of predictions no longer than the answer."""

    name: str = "brevity"
    label: str = "Brevity"
    field: str = "is_brief"
    kind: str = "proportion"
    thresholds: Thresholds | None = None
    baselines: tuple[str, ...] = ("blind_prior",)

    def compute(self, texts, samples, context):
        brief = [len(text) <= len(sample.answer) for text, sample in zip(texts, samples, strict=True)]
        return [Score(float(value), {"is_brief": value}) for value in brief]


def test_a_metric_added_from_outside_gets_all_that_ours_get(tmp_path, monkeypatch):
    monkeypatch.setitem(metrics._targets, "brevity", Brevity())
    base = write_run(tmp_path / "a", [make_record(n, prediction="x" * 200 if n % 3 else None) for n in range(48)])
    tuned = write_run(tmp_path / "b", [make_record(n, prediction="x" * 200 if n % 5 else None) for n in range(48)])

    for run in (base, tuned):
        score_predictions(run.path, FAST)
    row = score_predictions(tuned.path, FAST).metrics["metrics"]["brevity"]

    assert row["mean"] == 10 / 48
    assert row["ci_low"] is not None
    assert "blind_prior" in row["baselines"]
    assert compare_runs(base, tuned, FAST).record["metrics"]["brevity"]["num_pairs"] == 48
