"""Samples that belong together: their sums, and drawing them again.

Axis letters: ``n`` samples, ``k`` clusters, ``s`` numbers a sample, ``b`` draws.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_DRAWS_AT_ONCE = 2_000_000


def cluster_index(clusters: Sequence[Hashable]) -> tuple[NDArray[np.int64], int]:
    """Return the number of each sample's cluster (n,), in the order of their first sample, and how many there are."""
    number: dict[Hashable, int] = {}
    index = np.array([number.setdefault(cluster, len(number)) for cluster in clusters], dtype=np.int64)
    return index, len(number)


def sum_rows_by_cluster(rows_ns: Floats, clusters: Sequence[Hashable]) -> Floats:
    """Return the sums of rows (k, s) over each cluster.

    Raises:
        ValueError: If there is not a cluster for each row, or no row.
    """
    if not len(rows_ns) or len(rows_ns) != len(clusters):
        raise ValueError(f"expected a cluster for each of at least one row; found {len(rows_ns)}, {len(clusters)}.")
    index, num_clusters = cluster_index(clusters)
    sums_ks = np.zeros((num_clusters, rows_ns.shape[1]))
    np.add.at(sums_ks, index, rows_ns)
    return sums_ks


def sum_by_cluster(values: Sequence[float] | Floats, clusters: Sequence[Hashable]) -> tuple[Floats, Floats]:
    """Return the sum and the number of values of each cluster, both (k,).

    Raises:
        ValueError: If there is not a cluster for each value, or no value.
    """
    if not len(values) or len(values) != len(clusters):
        raise ValueError(f"expected a cluster for each of at least one value; found {len(values)}, {len(clusters)}.")
    index, _ = cluster_index(clusters)
    sums_k = np.bincount(index, weights=np.asarray(values, dtype=np.float64)).astype(np.float64)
    return sums_k, np.bincount(index).astype(np.float64)


def in_pieces(total: int, width: int) -> list[int]:
    """Cut ``total`` rows of ``width`` numbers into pieces that fit into memory."""
    size = max(1, _DRAWS_AT_ONCE // width)
    return [min(size, total - start) for start in range(0, total, size)]
