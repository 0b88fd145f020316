"""Samples to annotation files. What is written reads back as exactly the same samples.

A class or subject that is not known is not written, and is looked for again when the file is read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from vidtune.core.durable import write_atomic
from vidtune.core.errors import DataInvalid
from vidtune.data._conversation import RESERVED_KEYS
from vidtune.data._samples import Sample
from vidtune.data.readers import readers


def write_dataset(samples: Sequence[Sample], path: Path | str, *, format: str = "qved") -> None:
    """Write ``samples`` in a registered format, atomically.

    Raises:
        DataInvalid: If a sample's meta uses a key that the format needs for itself; nothing is written.
        LookupError: If there is no such format.
    """
    write_atomic(Path(path), encode_dataset(samples, format=format))


def encode_dataset(samples: Sequence[Sample], *, format: str = "qved") -> str:
    """Return what ``write_dataset`` would write."""
    reader = readers.get(format)
    records = []
    for sample in samples:
        clashes = sorted(set(sample.meta) & RESERVED_KEYS)
        if clashes:
            raise DataInvalid(
                f"sample {sample.sample_id!r} has meta keys that formats need for themselves: {', '.join(clashes)}.",
                "Rename them.",
            )
        records.append(reader.to_record(sample))
    if reader.is_lines:
        return "".join(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records)
    return json.dumps(records, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def write_qved(samples: Sequence[Sample], path: Path | str) -> None:
    """Write ``samples`` as QVED JSON: one list."""
    write_dataset(samples, path, format="qved")


def write_messages(samples: Sequence[Sample], path: Path | str) -> None:
    """Write ``samples`` as ``messages`` JSON Lines: one record a line."""
    write_dataset(samples, path, format="messages")
