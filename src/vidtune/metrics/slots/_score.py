"""How far two pieces of feedback say the same, slot by slot; a slot that is contradicted scores nothing."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass

from vidtune.metrics.slots._lexicon import Lexicon
from vidtune.metrics.slots._read import Advice, FeedbackSlots

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
_WEIGHED_BY_SAFETY = ("error", "direction", "correction")


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
    clashes = _clashes(predicted.advice, reference.advice, lexicon)
    matched = {one for one in predicted.advice if _is_in(one, reference.advice)}
    missed = {one for one in reference.advice if not _is_in(one, predicted.advice)}
    hallucinated = {one for one in predicted.advice - matched if not _is_of_matched_part(one, reference)}
    is_safety = _is_safety(reference, lexicon)
    by_slot: dict[str, float | None] = {
        "exercise": None if reference.exercise is None else float(predicted.exercise == reference.exercise),
        "body_part": _f_score(predicted.parts, reference.parts),
        "error": _error_score(predicted, reference),
        "direction": 0.0 if clashes else _advice_score(predicted.advice, reference.advice),
        "laterality": None if not reference.sides else float(predicted.sides == reference.sides),
        "severity": _severity_score(predicted.severity, reference.severity),
        "correction": 0.0
        if clashes
        else _advice_score(predicted.corrections or predicted.advice, reference.corrections),
    }
    weights = {
        slot: weight * (_SAFETY_WEIGHT if is_safety and slot in _WEIGHED_BY_SAFETY else 1)
        for slot, weight in _WEIGHTS.items()
    }
    known = {slot: value for slot, value in by_slot.items() if value is not None}
    total = (
        sum(weights[slot] * value for slot, value in known.items()) / sum(weights[slot] for slot in known)
        if known
        else None
    )
    return SlotScores(
        by_slot,
        total,
        len(hallucinated),
        len(missed),
        bool(clashes),
        is_safety,
        is_safety and (bool(clashes) or not matched and not predicted.errors & reference.errors),
    )


def _clashes(predicted: Set[Advice], reference: Set[Advice], lexicon: Lexicon) -> set[Advice]:
    """Return the predicted advice that sends a part the opposite way, unless the reference sends it both ways."""
    return {
        one
        for one in predicted
        if (other := lexicon.opposites.get(one.direction)) is not None
        and _is_in(Advice(one.part, other), reference)
        and not _is_in(one, reference)
    }


def _is_in(one: Advice, others: Set[Advice]) -> bool:
    """Whether the same advice is among ``others``; a part that is not named fits any."""
    return any(
        one.direction == other.direction and (one.part == other.part or not one.part or not other.part)
        for other in others
    )


def _is_of_matched_part(one: Advice, reference: FeedbackSlots) -> bool:
    """Whether the reference speaks of that part without saying a way: then a way is no invention."""
    ways = {other.part for other in reference.advice}
    return bool(one.part) and one.part in reference.parts and one.part not in ways


def _advice_score(predicted: Set[Advice], reference: Set[Advice]) -> float | None:
    if not predicted and not reference:
        return None
    if not predicted or not reference:
        return 0.0 if reference else None
    precision = sum(_is_in(one, reference) for one in predicted) / len(predicted)
    recall = sum(_is_in(one, predicted) for one in reference) / len(reference)
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
    pairs = {f"{one.part}/{one.direction}" for one in reference.advice}
    return bool((reference.errors | pairs) & lexicon.safety)
