"""Several rules on the same answers: where one says right and another says wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any


def agreement_block(
    rows: Mapping[str, Mapping[str, Any]], records: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return for each two metrics how often they agree on an answer, the least agreeing first.

    A proportion says right or wrong itself; a score says right where it is green. Scores without colours say neither.

    Args:
        rows: Rows of ``metrics.json`` by metric.
        records: Records of ``scores.jsonl``.
    """
    verdicts = {name: [is_right(row, record) for record in records] for name, row in rows.items()}
    block = []
    for first, second in combinations(rows, 2):
        both = Counter(zip(verdicts[first], verdicts[second], strict=True))
        num_both = {pair: both[pair] for pair in ((True, True), (False, False), (True, False), (False, True))}
        total = sum(num_both.values())
        if total:
            block.append(
                {
                    "first": first,
                    "second": second,
                    "n": total,
                    "agree": (num_both[True, True] + num_both[False, False]) / total,
                    "only_first": num_both[True, False],
                    "only_second": num_both[False, True],
                }
            )
    return sorted(block, key=lambda pair: (pair["agree"], pair["first"], pair["second"]))


def is_right(row: Mapping[str, Any], record: Mapping[str, Any]) -> bool | None:
    """Return whether a metric calls one answer right; None where it does not apply or says neither."""
    value = record.get(row["field"])
    if value is None:
        return None
    if row["kind"] == "proportion":
        return bool(value)
    return None if row["thresholds"] is None else bool(value >= row["thresholds"]["green"])
