"""What a metric is, and the table of metrics. Adding one is adding one file beside those in ``scorers/``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Protocol

from vidtune.core.progress import Progress, silent
from vidtune.core.registry import Registry
from vidtune.evaluation._predictions import Prediction
from vidtune.metrics import ExerciseCatalogue, FeedbackWordings, Thresholds

if TYPE_CHECKING:
    from vidtune.evaluation.embedding import SentenceEmbedder


@dataclass(frozen=True)
class ScoringContext:
    """What metrics may know besides the answer at hand."""

    catalogue: ExerciseCatalogue
    wordings: FeedbackWordings
    progress: Progress = silent

    @cached_property
    def embedder(self) -> SentenceEmbedder:
        """The sentence embedder; loaded when first asked for, kept for all metrics and baselines."""
        from vidtune.evaluation.embedding import load_embedder

        return load_embedder()


@dataclass(frozen=True)
class Score:
    """What one metric says about one answer."""

    value: float | None
    """0 to 1, more is better (a cosine may be below 0); None where the metric does not apply to the sample."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    """What the record of scores keeps of it, the value included."""


class SampleMetric(Protocol):
    """A metric that scores answers one by one."""

    @property
    def name(self) -> str:
        """Key in ``metrics.json``."""

    @property
    def label(self) -> str:
        """Name for people."""

    @property
    def field(self) -> str:
        """Field of ``scores.jsonl`` that holds the value."""

    @property
    def kind(self) -> Literal["score", "proportion"]:
        """``proportion`` when every value is 0 or 1."""

    @property
    def thresholds(self) -> Thresholds | None:
        """From where on a value is green or yellow; None for proportions."""

    @property
    def baselines(self) -> tuple[str, ...]:
        """Baselines that mean something for it: ``blind_prior``, ``per_exercise_majority``."""

    def compute(self, texts: Sequence[str], samples: Sequence[Prediction], context: ScoringContext) -> list[Score]:
        """Score ``texts[i]`` as an answer to ``samples[i]``, whose own text is not looked at."""


metrics = Registry[SampleMetric](
    "metric",
    {
        "bert_similarity": "vidtune.evaluation.scorers.bert_similarity:METRIC",
        "meteor": "vidtune.evaluation.scorers.meteor:METRIC",
        "rouge_l": "vidtune.evaluation.scorers.rouge_l:METRIC",
        "exercise_identification": "vidtune.evaluation.scorers.exercise_identification:METRIC",
        "exercise_identification_compat": "vidtune.evaluation.scorers.exercise_identification_compat:METRIC",
        "feedback_error": "vidtune.evaluation.scorers.feedback_error:METRIC",
    },
)
"""All metrics by name; packages add theirs through the entry-point group ``vidtune.metric``."""

_CORE_ORDER = (
    "exercise_identification",
    "feedback_error",
    "bert_similarity",
    "meteor",
    "rouge_l",
    "exercise_identification_compat",
)


def ordered_metrics(*, with_bert: bool) -> list[SampleMetric]:
    """Return all metrics: ours in a fixed order, then those of plugins by name."""
    names = [*_CORE_ORDER, *(name for name in metrics.names() if name not in _CORE_ORDER)]
    return [metrics.get(name) for name in names if with_bert or name != "bert_similarity"]
