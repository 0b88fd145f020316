"""A list of names that was saved as a NumPy array, turned into the lines of text that its readers know."""

from __future__ import annotations

import io

from vidtune.data._findings import Findings

_MAGIC = b"\x93NUMPY"


def is_npy(data: bytes) -> bool:
    """Whether ``data`` is a NumPy array file, by its first bytes."""
    return data.startswith(_MAGIC)


def npy_to_lines(data: bytes, findings: Findings) -> str:
    """Return one name a line; "" after a finding. Pickled objects are refused: loading them would run code."""
    import numpy as np

    expected = "a one-dimensional array of names, saved as text and not as objects"
    try:
        names = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as exc:
        findings.add("", "", f"an array that cannot be loaded ({' '.join(str(exc).split())[:120]})", expected)
        return ""
    if names.ndim != 1 or names.dtype.kind not in "US":
        findings.add("", "", f"an array of {names.dtype} with the shape {names.shape}", expected)
        return ""
    texts = [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names]
    return "\n".join(texts)
