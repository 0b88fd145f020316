"""A judge that needs nothing: it reads feedback by a lexicon, slot by slot, and always says the same.

It judges against the ground truth alone, so it cannot see more than that says; see ``vidtune.metrics.slots``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from vidtune.evaluation._scorer import ScoringContext
from vidtune.evaluation.judging._config import JudgeConfig
from vidtune.evaluation.judging._item import Ask, Refusal, Reply
from vidtune.evaluation.judging._rubric import HIGH, LOW
from vidtune.metrics.slots import FeedbackSlots, SlotScores, lexicons, score_feedback

_VERSION = 1


class RulesJudge:
    """See the module."""

    sends_to = None
    batch_size = 1000

    def __init__(self, context: ScoringContext) -> None:
        self._context = context
        self._lexicon = lexicons.get(context.lexicon)

    @property
    def identity(self) -> Mapping[str, Any]:
        """The rules and the lexicon."""
        return {"backend": "rules", "version": _VERSION, "lexicon": self._context.lexicon}

    def ask(self, asks: Sequence[Ask]) -> Iterator[tuple[int, Reply | Refusal]]:
        """Judge each item by its slots."""
        for place, ask in enumerate(asks):
            item = ask.item
            first = self._dimensions(item.text, item.reference)
            second = self._dimensions(item.other, item.reference) if item.other is not None else None
            if first is None or (item.other is not None and second is None):
                yield place, Refusal("the lexicon knows no word of the ground truth")
            elif second is not None:
                ahead = fmean(first.values()) - fmean(second.values())
                yield place, Reply(scores={"preference": 0.0 if abs(ahead) < 1e-9 else (1.0 if ahead > 0 else -1.0)})
            else:
                yield place, Reply(scores={**first, "overall": fmean(first.values())})

    def close(self) -> None:
        """Nothing is held."""

    def _dimensions(self, text: str, reference: str) -> dict[str, float] | None:
        said, wanted = self._context.read(text), self._context.read(reference)
        if not (wanted.advice or wanted.errors or wanted.is_praise):
            return None
        if not text.strip():
            shares = dict.fromkeys(("clinical_accuracy", "actionability", "root_cause", "completeness"), 0.0)
        else:
            shares = _shares(score_feedback(said, wanted, self._lexicon), said, wanted)
        return {name: LOW + (HIGH - LOW) * share for name, share in shares.items()}


def _shares(scores: SlotScores, said: FeedbackSlots, wanted: FeedbackSlots) -> dict[str, float]:
    """Return how much of each dimension is earned, 0 to 1."""
    slots = scores.by_slot
    # Feedback on another exercise is about something else: what it has in common with the right one is chance.
    is_other = slots["exercise"] == 0.0
    if is_other or scores.is_contradiction:
        return dict.fromkeys(("clinical_accuracy", "actionability", "root_cause", "completeness"), 0.0)
    accuracy = (scores.total or 0.0) * (0.5 if scores.num_hallucinated else 1.0)
    num_wanted = len(wanted.advice) + bool(wanted.errors)
    missing = scores.num_missed + bool(wanted.errors - said.errors)
    praise = float(said.is_praise) if wanted.is_praise else None
    # What is wrong is half of what can be acted on, where the ground truth also says what to do.
    is_told = bool(said.corrections) or not wanted.corrections
    return {
        "clinical_accuracy": accuracy,
        "actionability": _mean_known((praise, slots["correction"], slots["direction"]), accuracy)
        * (1.0 if is_told else 0.5),
        "root_cause": _mean_known((praise, slots["error"], slots["body_part"]), accuracy),
        "completeness": 1.0 - missing / num_wanted if num_wanted else accuracy,
    }


def _mean_known(values: Sequence[float | None], otherwise: float) -> float:
    known = [value for value in values if value is not None]
    return fmean(known) if known else otherwise


class Rules:
    """Opens the judge."""

    takes_target = False

    def open(self, config: JudgeConfig, context: ScoringContext) -> RulesJudge:
        """Return the judge."""
        return RulesJudge(context)


BACKEND = Rules()
