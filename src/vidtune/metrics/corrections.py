"""Many comparisons at once: p-values corrected for how many there are."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected so that the chance of any false finding stays at the level; in the order given.

    Source: Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    corrected = [0.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        corrected[index] = largest
    return corrected


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected so that the expected share of false findings stays at the level; in the order given.

    For sweeps that look for something; that of ``scipy.stats.false_discovery_control``. Source: Benjamini and
    Hochberg, "Controlling the False Discovery Rate" (1995).
    """
    if not p_values:
        return []
    from scipy import stats

    return [float(value) for value in stats.false_discovery_control(list(p_values))]
