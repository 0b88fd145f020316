"""Scores of predictions: per sample, with intervals, baselines, trust checks and a verdict in words."""

from vidtune.evaluation._compare import Comparison, compare_runs
from vidtune.evaluation._compare_many import RunsCompared, compare_many_runs
from vidtune.evaluation._confidence import NotCalibrated, calibrate_confidence, confidence_text
from vidtune.evaluation._config import EvaluateConfig
from vidtune.evaluation._corpus import CorpusMetric, corpus_metrics
from vidtune.evaluation._predictions import Prediction, PredictionFile, read_predictions
from vidtune.evaluation._probe import ProbeResult, score_probe
from vidtune.evaluation._protocol import ScoringProtocol, Submission, protocols
from vidtune.evaluation._quick import quick_metric_names, quick_metrics
from vidtune.evaluation._score import EvaluationResult, score_predictions
from vidtune.evaluation._scorer import SampleMetric, Score, ScoringContext, metrics

__all__ = [
    "Comparison",
    "CorpusMetric",
    "EvaluateConfig",
    "EvaluationResult",
    "NotCalibrated",
    "Prediction",
    "PredictionFile",
    "ProbeResult",
    "RunsCompared",
    "SampleMetric",
    "Score",
    "ScoringContext",
    "ScoringProtocol",
    "Submission",
    "calibrate_confidence",
    "compare_many_runs",
    "compare_runs",
    "confidence_text",
    "corpus_metrics",
    "metrics",
    "protocols",
    "quick_metric_names",
    "quick_metrics",
    "read_predictions",
    "score_predictions",
    "score_probe",
]
