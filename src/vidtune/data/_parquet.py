"""A Parquet table, as the hub keeps data sets, turned into the lines of JSON that its readers know."""

from __future__ import annotations

import importlib.util
import io
import json
from typing import Any

from vidtune.core.errors import NotInstalled
from vidtune.data._findings import Findings

_MAGIC = b"PAR1"


def is_parquet(data: bytes) -> bool:
    """Whether ``data`` is a Parquet file, by its first bytes."""
    return data.startswith(_MAGIC)


def parquet_to_lines(data: bytes, findings: Findings) -> str:
    """Return one JSON object a row, so that line and row have the same number; "" after a finding.

    Raises:
        NotInstalled: If the package that reads Parquet is not there.
    """
    if importlib.util.find_spec("pyarrow") is None:
        raise NotInstalled(
            f"{findings.path} is a Parquet table, and the package pyarrow is not installed.",
            "Install the extra that brings it: pip install 'vidtune[parquet]', or export the table to JSON.",
        )
    import pyarrow
    from pyarrow import parquet

    try:
        rows: list[dict[str, Any]] = parquet.read_table(io.BytesIO(data)).to_pylist()
    except (pyarrow.ArrowException, OSError) as exc:
        findings.add("", "", f"a Parquet table that cannot be read ({' '.join(str(exc).split())[:120]})", "a whole one")
        return ""
    lines = []
    for number, row in enumerate(rows, start=1):
        try:
            # A column without a value in this row is as good as one that is not there.
            lines.append(json.dumps({name: value for name, value in row.items() if value is not None}))
        except TypeError as exc:
            findings.add(f"row {number}", "", str(exc), "texts, numbers and lists of them; no pictures or sound")
            return ""
    return "\n".join(lines)
