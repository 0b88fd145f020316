"""How much a modality has to say: the entropy of its frames, and of the words of its answers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vidtune.core.errors import BadUsage

_LEVEL_BITS = 8.0
_IGNORED_LABEL = -100
_SEEN = ("vision", "projector")


def entropy_weights(
    modalities: Iterable[str], frame_entropy_bits: Sequence[float], answer_ids: Sequence[int]
) -> dict[str, float]:
    """Return a weight for each modality: which share of its largest possible entropy it uses.

    Args:
        modalities: The towers that are tuned.
        frame_entropy_bits: Of each sample's frames, 0 to 8; see ``pixel_entropy_bits``.
        answer_ids: All supervised tokens.

    Raises:
        BadUsage: If no frame was measured, or frames and answers carry nothing at all.

    Example:
        >>> entropy_weights(["vision", "language"], [6.0, 6.0], [1, 2, 3, 4])
        {'vision': 0.75, 'language': 1.0}
    """
    if not frame_entropy_bits:
        raise BadUsage(
            "modality_weights=frame_entropy needs frames, and the samples have none (no pixel_values).",
            "Give weights as numbers.",
        )
    seen = sum(frame_entropy_bits) / len(frame_entropy_bits) / _LEVEL_BITS
    said = _share_of_largest(answer_ids)
    if seen <= 0 or said <= 0:
        raise BadUsage(
            f"frames use {seen:.0%} and answers {said:.0%} of their largest entropy: a weight of 0 would rule a "
            "tower out.",
            "Calibrate on other samples, or give weights as numbers.",
        )
    return {name: seen if name in _SEEN else said for name in modalities}


def pixel_entropy_bits(batches: Iterable[Mapping[str, Any]]) -> list[float]:
    """Return, for each batch with frames, the Shannon entropy of its pixels in 256 equal bins over their range.

    Measured on what the model gets: the processor's scaling moves and stretches the levels and keeps their entropy.
    """
    found = []
    for batch in batches:
        pixels = next((value for name, value in batch.items() if name.startswith("pixel_values")), None)
        if pixels is not None and pixels.numel():
            shares = pixels.detach().float().cpu().flatten().histc(bins=256) / pixels.numel()
            shares = shares[shares > 0].double()
            found.append(max(0.0, -float((shares * shares.log2()).sum())))
    return found


def supervised_ids(batches: Iterable[Mapping[str, Any]]) -> list[int]:
    """Return the tokens of all answers."""
    ids: list[int] = []
    for batch in batches:
        ids += [label for label in batch["labels"].flatten().tolist() if label != _IGNORED_LABEL]
    return ids


def _share_of_largest(ids: Sequence[int]) -> float:
    counts = Counter(ids)
    if len(counts) < 2:
        return 0.0
    shares = [count / len(ids) for count in counts.values()]
    return -sum(share * math.log2(share) for share in shares) / math.log2(len(counts))
