"""How far two pieces of feedback say the same, slot by slot; a slot that is contradicted scores nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from vidtune.metrics.slots._lexicon import Lexicon
from vidtune.metrics.slots._read import Advice, AdviceIndex, FeedbackSlots

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


@dataclass(frozen=True)
class SlotScores:
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
    has_clash = _has_clash(predicted.advised, reference.advised, lexicon)
    unmatched = [one for one in predicted.advice if one not in reference.advised]
    num_missed = len(reference.advice) - reference.advised.count(predicted.advised)
    is_safety = _is_safety(reference, lexicon)
    by_slot: dict[str, float | None] = {
        "exercise": None if reference.exercise is None else float(predicted.exercise == reference.exercise),
        "body_part": _f_score(predicted.parts, reference.parts),
        "error": _error_score(predicted, reference),
        "direction": 0.0 if has_clash else _advice_score(predicted.advised, reference.advised),
        "laterality": None if not reference.sides else float(predicted.sides == reference.sides),
        "severity": _severity_score(predicted.severity, reference.severity),
        "correction": 0.0
        if has_clash
        else _advice_score(predicted.corrected if predicted.corrections else predicted.advised, reference.corrected),
    }
    weights = _WEIGHTS_OF_SAFETY if is_safety else _WEIGHTS
    known = {slot: value for slot, value in by_slot.items() if value is not None}
    total = (
        sum(weights[slot] * value for slot, value in known.items()) / sum(weights[slot] for slot in known)
        if known
        else None
    )
    return SlotScores(
        by_slot,
        total,
        len(unmatched) - _num_of_matched_part(unmatched, reference),
        num_missed,
        has_clash,
        is_safety,
        is_safety
        and (has_clash or len(unmatched) == len(predicted.advice) and not predicted.errors & reference.errors),
    )


def _has_clash(predicted: AdviceIndex, reference: AdviceIndex, lexicon: Lexicon) -> bool:
    """Whether some part is sent the opposite way, unless the reference sends it both ways."""
    return any(
        (other := lexicon.opposites.get(one.direction)) is not None
        and reference.sends(one.part, other)
        and one not in reference
        for one in predicted.advice
    )


def _num_of_matched_part(unmatched: Sequence[Advice], reference: FeedbackSlots) -> int:
    """Return how many are about a part that the reference names without saying a way: then a way is no invention."""
    with_way = {other.part for other in reference.advice}
    return sum(bool(one.part) and one.part in reference.parts and one.part not in with_way for one in unmatched)


def _advice_score(predicted: AdviceIndex, reference: AdviceIndex) -> float | None:
    if not reference:
        return None
    if not predicted:
        return 0.0
    precision, recall = predicted.count(reference) / len(predicted), reference.count(predicted) / len(reference)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _f_score(predicted: Set[str], reference: Set[str]) -> float | None:
    if not predicted and not reference:
        return None
    common = len(predicted & reference)
    return 2 * common / (len(predicted) + len(reference))


def _error_score(predicted: FeedbackSlots, reference: FeedbackSlots) -> float | None:
    if reference.is_praise or predicted.is_praise:
        return float(reference.is_praise and predicted.is_praise)
    return _f_score(predicted.errors, reference.errors) if reference.errors else None


def _severity_score(predicted: int | None, reference: int | None) -> float | None:
    if reference is None:
        return None
    return float(predicted == reference)


def _is_safety(reference: FeedbackSlots, lexicon: Lexicon) -> bool:
    return not lexicon.safety.isdisjoint(reference.errors) or any(
        f"{one.part}/{one.direction}" in lexicon.safety for one in reference.advice
    )
