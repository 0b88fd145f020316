"""Which samples can show that the video is read, and which cannot because their question has one answer only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vidtune.evaluation._predictions import Prediction


def always_answered_alike(samples: Sequence[Prediction]) -> list[bool]:
    """Return for each sample whether its kind of question has the same true answer every time it is asked.

    A question that is asked once tells nothing, and counts as one whose answer varies. Case does not count.
    """
    answers: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    for sample in samples:
        answers.setdefault(sample.question_kind, set()).add(_answer(sample))
        counts[sample.question_kind] = counts.get(sample.question_kind, 0) + 1
    alike = {kind for kind, found in answers.items() if len(found) == 1 and counts[kind] > 1}
    return [sample.question_kind in alike for sample in samples]


def single_answer_block(samples: Sequence[Prediction], values: Sequence[float | None]) -> list[dict[str, Any]]:
    """Return the kinds of question that always have the same answer, with the mean of ``values`` for each.

    Args:
        samples: The answered ones.
        values: Of the leading metric.
    """
    members: dict[str, list[int]] = {}
    for index, is_alike in enumerate(always_answered_alike(samples)):
        if is_alike:
            members.setdefault(samples[index].question_kind, []).append(index)
    block = []
    for kind, indices in sorted(members.items()):
        known = [value for index in indices if (value := values[index]) is not None]
        block.append(
            {
                "question": kind,
                "answer": samples[indices[0]].short_answers[0],
                "n": len(indices),
                "mean": sum(known) / len(known) if known else None,
            }
        )
    return block


def headline_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of ``metrics.json`` over the samples whose answers vary, where there are others beside them."""
    return {**row, **(row.get("where_answers_vary") or {})}


def _answer(sample: Prediction) -> str:
    return sample.short_answers[0].strip().lower()
