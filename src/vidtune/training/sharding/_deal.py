"""Who computes which forward pass of a step, and with what company.

Where weights are sharded, a layer that one process runs must be run by all: its weights are put together for all of
them at once, and one that waits for the others waits for ever. So in each round of forward passes every process gets
the same kinds of media before it: one whose batch lacks a kind, or that has no batch left, is given an example of
another batch to compute along, whose answer counts nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidtune.training._examples import Example


@dataclass(frozen=True)
class Part:
    """One forward pass of one process."""

    number: int
    """Of the batch, counted over all processes; seeds its random draws."""

    indices: tuple[int, ...]
    """Examples that are learned from; may be empty."""

    company: tuple[int, ...] = ()
    """Examples that are computed along and count nothing."""


def deal(
    batches: Sequence[Sequence[int]],
    examples: Sequence[Example],
    rank: int,
    size: int,
    *,
    equal_turns: bool,
) -> list[Part]:
    """Return the forward passes of one process.

    Args:
        batches: All batches of a step, as indices of examples.
        examples: What the indices point at.
        rank: Which process.
        size: How many there are.
        equal_turns: Give every process as many passes, through the same towers.
    """
    if not equal_turns:
        return [Part(number, tuple(batches[number])) for number in range(rank, len(batches), size)]
    parts = []
    for start in range(0, len(batches), size):
        together = [index for batch in batches[start : start + size] for index in batch]
        number = start + rank
        mine = tuple(batches[number]) if number < len(batches) else ()
        parts.append(Part(number, mine, _company(mine, together, examples)))
    return parts


def _company(mine: Sequence[int], together: Sequence[int], examples: Sequence[Example]) -> tuple[int, ...]:
    """Return the shortest examples that bring what the others of the round have and ``mine`` lacks."""
    missing = {kind for index in together for kind in examples[index].media}
    missing -= {kind for index in mine for kind in examples[index].media}
    company = []
    for index in sorted(together, key=lambda index: (examples[index].num_tokens, index)):
        if missing & examples[index].media:
            company.append(index)
            missing -= examples[index].media
    if not mine and not company:
        company.append(min(together, key=lambda index: (examples[index].num_tokens, index)))
    return tuple(company)
