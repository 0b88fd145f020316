"""How far two pieces of feedback say the same, slot by slot; a slot that is contradicted scores nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple

from vidtune.metrics.slots._lexicon import Lexicon
from vidtune.metrics.slots._slots import Advice, AdviceIndex, FeedbackSlots

_WEIGHTS = {
    "exercise": 1.0,
    "body_part": 1.0,
    "error": 2.0,
    "direction": 2.0,
    "laterality": 1.0,
    "severity": 0.5,
    "correction": 2.0,
}
_SAFETY_WEIGHT = 2.0
_WEIGHTS_OF_SAFETY = {
    slot: weight * (_SAFETY_WEIGHT if slot in ("error", "direction", "correction") else 1)
    for slot, weight in _WEIGHTS.items()
}


class SlotScores(NamedTuple):
    """How a prediction fares on each slot; None where neither text says anything of it."""

    by_slot: Mapping[str, float | None]
    total: float | None
    """Weighted mean of the slots that apply; None where none does."""

    num_hallucinated: int
    """Pieces of advice that the reference does not give."""

    num_missed: int
    """Pieces of advice of the reference that are not given."""

    is_contradiction: bool
    """Some part is sent the opposite way."""

    is_safety: bool
    """What the reference finds can do harm: error, direction and correction weigh twice."""

    is_unsafe_miss: bool
    """It can do harm, and the prediction praises, contradicts or does not mention it."""


def score_feedback(predicted: FeedbackSlots, reference: FeedbackSlots, lexicon: Lexicon) -> SlotScores:
    """Compare two readings.

    Direction compares the advice, that is part and way together, of findings and instructions alike; advice in the
    opposite way makes direction and correction 0. "Knees caving inwards" against "outwards" therefore scores 0 there.
    Where both find nothing wrong, the error slot is right.
    """
    said, wanted = predicted.advised, reference.advised
    unmatched, missed = said.not_given_by(wanted), wanted.not_given_by(said)
    has_clash = bool(unmatched) and _has_clash(unmatched, wanted, lexicon)
    is_safety = not lexicon.safety.isdisjoint(reference.errors) or not lexicon.harms.isdisjoint(reference.advice)
    by_slot: dict[str, float | None] = {
        "exercise": None if reference.exercise is None else float(predicted.exercise == reference.exercise),
        "body_part": _f_score(predicted.parts, reference.parts),
        "error": _error_score(predicted, reference),
        "direction": 0.0 if has_clash else _advice_score(said, wanted, len(unmatched), len(missed)),
        "laterality": None if not reference.sides else float(predicted.sides == reference.sides),
        "severity": None if reference.severity is None else float(predicted.severity == reference.severity),
        "correction": 0.0 if has_clash else _correction_score(predicted, reference),
    }
    weights = _WEIGHTS_OF_SAFETY if is_safety else _WEIGHTS
    known = [(weights[slot], value) for slot, value in by_slot.items() if value is not None]
    return SlotScores(
        by_slot,
        sum([weight * value for weight, value in known]) / sum([weight for weight, _ in known]) if known else None,
        len(unmatched) - (_num_of_matched_part(unmatched, reference) if unmatched else 0),
        len(missed),
        has_clash,
        is_safety,
        is_safety
        and (has_clash or len(unmatched) == len(predicted.advice) and predicted.errors.isdisjoint(reference.errors)),
    )


def _has_clash(unmatched: Sequence[Advice], reference: AdviceIndex, lexicon: Lexicon) -> bool:
    """Whether some part is sent the opposite way; one that the reference sends both ways is matched."""
    for part, direction in unmatched:
        other = lexicon.opposites.get(direction)
        if other in reference.directions and other is not None and Advice(part, other) in reference:
            return True
    return False


def _num_of_matched_part(unmatched: Sequence[Advice], reference: FeedbackSlots) -> int:
    """Return how many are about a part that the reference names without saying a way: then a way is no invention."""
    without_way = reference.parts.difference([part for part, _ in reference.advice])
    return sum([one.part in without_way for one in unmatched]) if without_way else 0


def _correction_score(predicted: FeedbackSlots, reference: FeedbackSlots) -> float | None:
    if not reference.corrections:
        return None
    said, wanted = predicted.corrected if predicted.corrections else predicted.advised, reference.corrected
    return _advice_score(said, wanted, len(said.not_given_by(wanted)), len(wanted.not_given_by(said)))


def _advice_score(said: AdviceIndex, wanted: AdviceIndex, num_unmatched: int, num_missed: int) -> float | None:
    if not wanted.advice:
        return None
    if not said.advice:
        return 0.0
    precision = (len(said.advice) - num_unmatched) / len(said.advice)
    recall = (len(wanted.advice) - num_missed) / len(wanted.advice)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _f_score(predicted: Set[str], reference: Set[str]) -> float | None:
    if not predicted and not reference:
        return None
    return 2 * len(predicted & reference) / (len(predicted) + len(reference))


def _error_score(predicted: FeedbackSlots, reference: FeedbackSlots) -> float | None:
    if reference.is_praise or predicted.is_praise:
        return float(reference.is_praise and predicted.is_praise)
    return _f_score(predicted.errors, reference.errors) if reference.errors else None
