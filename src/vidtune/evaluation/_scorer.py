"""What a metric is, and the table of metrics. Adding one is adding one file to the folder ``scorers``."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from vidtune.core.errors import BadUsage
from vidtune.core.progress import Progress, silent
from vidtune.core.registry import Registry, parts_in_folder
from vidtune.evaluation._predictions import Prediction
from vidtune.metrics import ExerciseCatalogue, FeedbackWordings, Thresholds
from vidtune.metrics.slots import FeedbackSlots, lexicons, read_feedback

if TYPE_CHECKING:
    from vidtune.evaluation.embedding import Precision, SentenceEmbedder

PairT = TypeVar("PairT", bound=tuple[Any, ...])
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class ScoringContext:
    """What metrics may know besides the answer at hand."""

    catalogue: ExerciseCatalogue
    wordings: FeedbackWordings
    progress: Progress = silent
    references: tuple[Prediction, ...] = ()
    """Samples whose answers are known from training."""

    lexicon: str = "physio"
    """Domain whose words feedback is read with: one of ``vidtune.metrics.slots.lexicons``."""

    folder: Path | None = None
    """The run directory, where a metric takes what the run left for it; None where there is none."""

    with_embedder: bool = True
    """Whether meanings may be compared, which loads a small language model."""

    bert_precision: Precision = "float32"
    """What that model computes in."""

    def read(self, text: str) -> FeedbackSlots:
        """Return a piece of feedback taken apart; read once for all metrics and baselines."""
        known = self._readings.get(text)
        if known is None:
            known = self._readings[text] = read_feedback(text, lexicons.get(self.lexicon), self.catalogue)
        return known

    def score_once(self, name: str, pairs: Sequence[PairT], score: Callable[[PairT], ResultT]) -> list[ResultT]:
        """Return the score of each pair of texts; what recurs, as the pairs of baselines do, is worked out once.

        Args:
            name: Of the metric: what is kept is kept under it.
            pairs: An answer and what it is compared with.
            score: Of one pair; of the same name always the same.
        """
        known = self._scored.setdefault(name, {})
        for pair in pairs:
            if pair not in known:
                known[pair] = score(pair)
        return [known[pair] for pair in pairs]

    @cached_property
    def _scored(self) -> dict[str, dict[Any, Any]]:
        return {}

    @cached_property
    def _readings(self) -> dict[str, FeedbackSlots]:
        return {}

    @cached_property
    def embedder(self) -> SentenceEmbedder:
        """The sentence embedder; loaded when first asked for, kept for all metrics and baselines."""
        from vidtune.evaluation.embedding import load_embedder

        return load_embedder(self.bert_precision)


@dataclass(frozen=True)
class Score:
    """What one metric says about one answer."""

    value: float | None
    """0 to 1, more is better (a cosine may be below 0); None where the metric does not apply to the sample."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    """What the record of scores keeps of it, the value included."""


class SampleMetric(Protocol):
    """A metric that scores answers one by one.

    Attributes it may have besides: ``class_prefix``, where ``<prefix>_true`` and ``<prefix>_predicted`` in its
    fields make a confusion matrix; ``needs_embedder``, true where it uses ``ScoringContext.embedder``;
    ``settings``, the fields of ``ScoringContext`` that its numbers depend on, which are kept beside them;
    ``judges_content``, whether the opposite of the right answer scores low, as for all proportions and no likeness.
    """

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


_folder = importlib.import_module("vidtune.evaluation.scorers")
_core = parts_in_folder(_folder.__name__, _folder.__path__, "METRIC")

metrics: Registry[SampleMetric] = Registry("metric", _core)
"""All metrics by name; packages add theirs through the entry-point group ``vidtune.metric``."""


def metrics_named(names: Sequence[str], *, with_bert: bool, with_added: bool) -> list[SampleMetric]:
    """Return metrics in the order of ``names``, then those that packages added, by name.

    Args:
        names: Of metrics.
        with_bert: Whether those that need the sentence model are among them.
        with_added: Whether those of packages run without being named.

    Raises:
        BadUsage: If there is no metric of a name.
    """
    added = [name for name in metrics.names() if name not in _core and name not in names] if with_added else []
    try:
        found = [metrics.get(name) for name in (*names, *added)]
    except LookupError as exc:
        raise BadUsage(str(exc), "Name metrics that there are.") from exc
    return [metric for metric in found if with_bert or not getattr(metric, "needs_embedder", False)]
