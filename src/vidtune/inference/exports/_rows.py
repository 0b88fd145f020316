"""From traces to the lines of a certificate, in the order in which a clip and its question go through a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vidtune.adapters import Stage
from vidtune.core.wording import counted
from vidtune.inference.exports._certificate import StageRow
from vidtune.inference.exports._compare import (
    Distance,
    compare_pixels,
    compare_stages,
    compare_tensors,
    first_difference,
    padding_side,
    worst,
)
from vidtune.inference.exports._config import Tolerance
from vidtune.inference.exports._trace import BatchTrace, Trace

_BEFORE_PROMPT = ("vision", "audio", "projector", "other")


@dataclass(frozen=True)
class Pair:
    """How far apart both are on one question."""

    pixels: Distance
    stages: Mapping[str, Distance]
    """By the path of the stage."""

    prompt_place: int | None
    """The first token of the prompt that differs."""

    logits: Distance
    num_same_best: int | None
    """Places at which both find the same token most likely; None where shapes differ."""

    num_places: int


def measure_pair(reference: Trace, candidate: Trace) -> Pair:
    """Return how far apart two traces of one question are."""
    wanted_lv, found_lv = reference.logits_lv(), candidate.logits_lv()
    is_comparable = wanted_lv.shape == found_lv.shape
    return Pair(
        pixels=compare_pixels(reference, candidate),
        stages=compare_stages(reference, candidate),
        prompt_place=first_difference(reference.prompt_ids, candidate.prompt_ids),
        logits=compare_tensors(wanted_lv, found_lv),
        num_same_best=int((wanted_lv.argmax(-1) == found_lv.argmax(-1)).sum()) if is_comparable else None,
        num_places=len(wanted_lv),
    )


def worst_logits(pairs: Sequence[Pair]) -> tuple[Distance, float | None]:
    """Return the distance of the logits over all questions, and the share of places with the same best token."""
    same = [pair.num_same_best for pair in pairs]
    total = sum(pair.num_places for pair in pairs)
    share = None if None in same else sum(count or 0 for count in same) / total
    return worst(pair.logits for pair in pairs), share


def stage_rows(
    stages: Sequence[Stage], pairs: Sequence[Pair], batches: tuple[BatchTrace, BatchTrace], tolerance: Tolerance
) -> list[StageRow]:
    """Return one row a stage.

    Args:
        stages: Of the reference.
        pairs: One a question.
        batches: Of reference and candidate.
        tolerance: Decides what is within.
    """
    by_path: dict[str, list[Distance]] = {}
    for pair in pairs:
        for path, distance in pair.stages.items():
            by_path.setdefault(path, []).append(distance)
    ran = [stage for stage in stages if stage.path in by_path]
    before = [stage for kind in _BEFORE_PROMPT for stage in ran if stage.modality == kind]
    after = [stage for stage in ran if stage not in before]
    limit = tolerance.stage_relative
    return [
        _row("pixels", worst(pair.pixels for pair in pairs), limit),
        *(_row(stage.name, worst(by_path[stage.path]), limit) for stage in before),
        _prompt_row(pairs),
        _padding_row(*batches),
        *(_row(stage.name, worst(by_path[stage.path]), limit) for stage in after),
        _logits_row(pairs, tolerance),
        _answers_row(*batches, tolerance),
    ]


def _row(name: str, distance: Distance, limit: float) -> StageRow:
    return StageRow(
        name, distance.max_abs, distance.mean_abs, distance.relative, distance.relative <= limit, distance.note
    )


def _whole_row(name: str, is_within: bool, note: str) -> StageRow:
    return StageRow(name, None, None, None, is_within, note)


def _same(num_same: int, total: int, what: str) -> str:
    return f"{num_same} of {counted(total, what)} {'is' if total == 1 else 'are'} the same"


def _prompt_row(pairs: Sequence[Pair]) -> StageRow:
    num_same = sum(pair.prompt_place is None for pair in pairs)
    return _whole_row("prompt ids", num_same == len(pairs), _same(num_same, len(pairs), "prompt"))


def _padding_row(reference: BatchTrace, candidate: BatchTrace) -> StageRow:
    is_same = reference.input_ids == candidate.input_ids and reference.attention_mask == candidate.attention_mask
    sides = f"padded {padding_side(candidate)}, reference {padding_side(reference)}"
    return _whole_row("prompt ids in a batch", is_same, sides)


def _logits_row(pairs: Sequence[Pair], tolerance: Tolerance) -> StageRow:
    distance, same_best_token = worst_logits(pairs)
    is_within = (
        distance.max_abs <= tolerance.max_logit_difference
        and distance.mean_abs <= tolerance.mean_logit_difference
        and (same_best_token or 0.0) >= tolerance.min_same_best_token
    )
    return StageRow("logits", distance.max_abs, distance.mean_abs, distance.relative, is_within, distance.note)


def _answers_row(reference: BatchTrace, candidate: BatchTrace, tolerance: Tolerance) -> StageRow:
    num_same = sum(one == other for one, other in zip(reference.answers, candidate.answers, strict=True))
    total = len(reference.answers)
    is_within = num_same >= tolerance.min_same_answers * total
    return _whole_row("greedy tokens", is_within, _same(num_same, total, "answer"))
