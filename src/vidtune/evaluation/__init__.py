"""Scores of predictions: per sample, with intervals, baselines, trust checks and a verdict in words."""

from vidtune.evaluation._compare import Comparison, compare_runs
from vidtune.evaluation._config import EvaluateConfig
from vidtune.evaluation._corpus import CorpusMetric, corpus_metrics
from vidtune.evaluation._many_runs import compare_all
from vidtune.evaluation._predictions import Prediction, PredictionFile, read_predictions
from vidtune.evaluation._protocol import ScoringProtocol, Submission, protocols
from vidtune.evaluation._quick import quick_metrics
from vidtune.evaluation._score import EvaluationResult, score_predictions
from vidtune.evaluation._scorer import SampleMetric, Score, ScoringContext, metrics

__all__ = [
    "Comparison",
    "CorpusMetric",
    "EvaluateConfig",
    "EvaluationResult",
    "Prediction",
    "PredictionFile",
    "SampleMetric",
    "Score",
    "ScoringContext",
    "ScoringProtocol",
    "Submission",
    "compare_all",
    "compare_runs",
    "corpus_metrics",
    "metrics",
    "protocols",
    "quick_metrics",
    "read_predictions",
    "score_predictions",
]
