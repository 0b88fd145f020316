"""Scores of texts, classes and samples: pure functions on values. No torch, no models, no files but word tables."""

from vidtune.metrics.classification import (
    NOT_IDENTIFIED,
    ClassificationReport,
    ClassScore,
    classification_report,
)
from vidtune.metrics.exercise import (
    ExerciseCatalogue,
    compat_exercise,
    derive_catalogue,
    is_compat_match,
    normalise_name,
    split_answer,
    variant_of,
)
from vidtune.metrics.feedback import NO_ERROR, FeedbackWordings, collect_wordings
from vidtune.metrics.meteor import meteor, meteor_of_words, meteor_words
from vidtune.metrics.rouge import rouge_l
from vidtune.metrics.statistics import (
    Interval,
    PairedDifference,
    bca_interval,
    mean_interval,
    paired_difference,
    sign_flip_test,
    smallest_p_value,
    wilson_interval,
)
from vidtune.metrics.thresholds import BARS, FILLS, Colour, Thresholds

__all__ = [
    "BARS",
    "FILLS",
    "NOT_IDENTIFIED",
    "NO_ERROR",
    "ClassScore",
    "ClassificationReport",
    "Colour",
    "ExerciseCatalogue",
    "FeedbackWordings",
    "Interval",
    "PairedDifference",
    "Thresholds",
    "bca_interval",
    "classification_report",
    "collect_wordings",
    "compat_exercise",
    "derive_catalogue",
    "is_compat_match",
    "mean_interval",
    "meteor",
    "meteor_of_words",
    "meteor_words",
    "normalise_name",
    "paired_difference",
    "rouge_l",
    "sign_flip_test",
    "smallest_p_value",
    "split_answer",
    "variant_of",
    "wilson_interval",
]
