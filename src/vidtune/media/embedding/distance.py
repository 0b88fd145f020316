"""How far two embedders' vectors of the same frames are from each other.

Axis letters: ``t`` frames, ``d`` features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def feature_loss(full_td: NDArray[np.floating], quantized_td: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the cosine distance of each frame's two vectors: 0 when nothing is lost, at most 2.

    Raises:
        ValueError: If the two sets are not of the same frames and features.
    """
    if full_td.shape != quantized_td.shape:
        raise ValueError(f"the two sets must be of one shape, found {full_td.shape} and {quantized_td.shape}.")
    full, quantized = np.asarray(full_td, dtype=np.float64), np.asarray(quantized_td, dtype=np.float64)
    lengths = np.linalg.norm(full, axis=1) * np.linalg.norm(quantized, axis=1)
    cosines = np.einsum("td,td->t", full, quantized) / np.maximum(lengths, 1e-12)
    return np.asarray(np.clip(1 - cosines, 0.0, 2.0), dtype=np.float64)
