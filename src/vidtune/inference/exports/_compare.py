"""Two traces of the same question side by side: how far apart they are at every stage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from vidtune.inference.exports._trace import BatchTrace, Trace


@dataclass(frozen=True)
class Distance:
    """How far a candidate's numbers are from the reference's."""

    max_abs: float
    mean_abs: float
    relative: float
    """Root mean square of the difference, over that of the reference. Infinite when the shapes differ."""

    note: str = ""
    """Why numbers could not be compared."""


FAR = float("inf")


def compare_tensors(reference: torch.Tensor, candidate: torch.Tensor) -> Distance:
    """Return the distance of two tensors, in float32."""
    if reference.shape != candidate.shape:
        shapes = f"shape {tuple(candidate.shape)}, reference {tuple(reference.shape)}"
        return Distance(FAR, FAR, FAR, shapes)
    if not reference.numel():
        return Distance(0.0, 0.0, 0.0)
    wanted, found = reference.float(), candidate.float()
    if not bool(torch.isfinite(found).all()):
        return Distance(FAR, FAR, FAR, "not finite")
    difference = (wanted - found).abs()
    scale = wanted.square().mean().sqrt().item()
    error = difference.square().mean().sqrt().item()
    relative = error / scale if scale > 0 else (0.0 if error == 0 else FAR)
    return Distance(difference.max().item(), difference.mean().item(), relative)


def compare_pixels(reference: Trace, candidate: Trace) -> Distance:
    """Return the largest distance among what the model gets of the clip."""
    wanted, found = reference.pixels(), candidate.pixels()
    missing = sorted(wanted.keys() - found.keys())
    if missing:
        return Distance(FAR, FAR, FAR, f"without {', '.join(missing)}")
    return worst([compare_tensors(value, found[name]) for name, value in wanted.items()])


def compare_stages(reference: Trace, candidate: Trace) -> dict[str, Distance]:
    """Return the distance at every stage that either has, by its path."""
    wanted, found = reference.stages(), candidate.stages()
    lost = Distance(FAR, FAR, FAR, "this stage did not run")
    return {path: compare_tensors(wanted[path], found[path]) if path in found else lost for path in wanted}


def worst(distances: Iterable[Distance]) -> Distance:
    """Return the largest of each figure, and mean of the means."""
    every = list(distances)
    if not every:
        return Distance(0.0, 0.0, 0.0)
    return Distance(
        max(one.max_abs for one in every),
        sum(one.mean_abs for one in every) / len(every),
        max(one.relative for one in every),
        next((one.note for one in every if one.note), ""),
    )


def first_difference(reference: Sequence[int], candidate: Sequence[int]) -> int | None:
    """Return the first place at which two rows of tokens differ; None if they are the same.

    Example:
        >>> first_difference([5, 6, 7], [5, 6])
        2
    """
    for place, (wanted, found) in enumerate(zip(reference, candidate, strict=False)):
        if wanted != found:
            return place
    return None if len(reference) == len(candidate) else min(len(reference), len(candidate))


def padding_side(batch: BatchTrace) -> str:
    """Return where the shorter rows of a batch are padded: ``left``, ``right``, ``none`` or ``mixed``."""
    sides = set()
    for mask in batch.attention_mask:
        if not all(mask):
            sides.add("left" if not mask[0] and mask[-1] else "right" if mask[0] and not mask[-1] else "mixed")
    return sides.pop() if len(sides) == 1 else "mixed" if sides else "none"
