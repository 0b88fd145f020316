"""Scores of texts, classes and samples: pure functions on values. No torch, no models, no files but word tables."""

from vidtune.metrics.bleu import MAX_ORDER, BleuCounts, bleu, bleu_counts
from vidtune.metrics.calibration import NUM_BINS, Calibration, CalibrationBin, calibration
from vidtune.metrics.caption_words import caption_words
from vidtune.metrics.choice import LETTERS, Choice, extract_choice
from vidtune.metrics.chrf import chrf, chrf_counts
from vidtune.metrics.cider import cider_d
from vidtune.metrics.classification import (
    NOT_IDENTIFIED,
    ClassificationReport,
    ClassScore,
    classification_report,
)
from vidtune.metrics.detection import CurvePoint, DetectionScore, detection_scores, precision_recall_curve
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
from vidtune.metrics.matching import (
    baseline_match,
    exact_match,
    keyword_match,
    named_answer,
    normalise_answer,
    normalised_match,
    substring_match,
    token_f1,
    word_match,
)
from vidtune.metrics.meteor import meteor, meteor_of_words, meteor_words
from vidtune.metrics.paired import (
    benjamini_hochberg,
    cliffs_delta,
    cohens_d,
    detectable_difference,
    holm,
    mcnemar,
)
from vidtune.metrics.retrieval import (
    RetrievalReport,
    average_precisions,
    best_ranks,
    dual_softmax,
    retrieval_report,
)
from vidtune.metrics.rouge import caption_rouge_l, rouge_l, rouge_n
from vidtune.metrics.statistics import (
    Interval,
    PairedDifference,
    bca_interval,
    bootstrap_totals,
    mean_interval,
    paired_difference,
    sign_flip_test,
    smallest_p_value,
    wilson_interval,
)
from vidtune.metrics.temporal import (
    DENSE_TIOUS,
    QEVD_TOLERANCE_S,
    DenseScores,
    TimedMatch,
    dense_caption_scores,
    hits_within,
    match_in_time,
    temporal_f_score,
    temporal_iou,
)
from vidtune.metrics.thresholds import BARS, FILLS, Colour, Thresholds
from vidtune.metrics.timed_text import TimedText, format_events, parse_events
from vidtune.metrics.wordnet import synonyms_of
from vidtune.metrics.wups import wups

__all__ = [
    "BARS",
    "DENSE_TIOUS",
    "FILLS",
    "LETTERS",
    "MAX_ORDER",
    "NOT_IDENTIFIED",
    "NO_ERROR",
    "NUM_BINS",
    "QEVD_TOLERANCE_S",
    "BleuCounts",
    "Calibration",
    "CalibrationBin",
    "Choice",
    "ClassScore",
    "ClassificationReport",
    "Colour",
    "CurvePoint",
    "DenseScores",
    "DetectionScore",
    "ExerciseCatalogue",
    "FeedbackWordings",
    "Interval",
    "PairedDifference",
    "RetrievalReport",
    "Thresholds",
    "TimedMatch",
    "TimedText",
    "average_precisions",
    "baseline_match",
    "bca_interval",
    "benjamini_hochberg",
    "best_ranks",
    "bleu",
    "bleu_counts",
    "bootstrap_totals",
    "calibration",
    "caption_rouge_l",
    "caption_words",
    "chrf",
    "chrf_counts",
    "cider_d",
    "classification_report",
    "cliffs_delta",
    "cohens_d",
    "collect_wordings",
    "compat_exercise",
    "dense_caption_scores",
    "derive_catalogue",
    "detectable_difference",
    "detection_scores",
    "dual_softmax",
    "exact_match",
    "extract_choice",
    "format_events",
    "hits_within",
    "holm",
    "is_compat_match",
    "keyword_match",
    "match_in_time",
    "mcnemar",
    "mean_interval",
    "meteor",
    "meteor_of_words",
    "meteor_words",
    "named_answer",
    "normalise_answer",
    "normalise_name",
    "normalised_match",
    "paired_difference",
    "parse_events",
    "precision_recall_curve",
    "retrieval_report",
    "rouge_l",
    "rouge_n",
    "sign_flip_test",
    "smallest_p_value",
    "split_answer",
    "substring_match",
    "synonyms_of",
    "temporal_f_score",
    "temporal_iou",
    "token_f1",
    "variant_of",
    "wilson_interval",
    "word_match",
    "wups",
]
