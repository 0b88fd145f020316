"""Samples to annotation files. What is written reads back as exactly the same samples.

A class or subject that is not known is not written, and is looked for again when the file is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidtune.core.durable import write_atomic
from vidtune.core.errors import BadUsage, DataInvalid
from vidtune.data._conversation import RESERVED_KEYS
from vidtune.data._samples import Dataset, Sample
from vidtune.data.readers import Writer, readers

_SUFFIXES = {"qved": ".json", "sharegpt": ".json", "messages": ".jsonl", "table": ".csv"}


def target_of(dataset: Dataset) -> str:
    """Return the data set's own format, or the one that holds anything where its own is only read."""
    return dataset.format if dataset.format in writable_formats() else "qved"


def suffix_of(format: str) -> str:
    """Return the suffix of the files that are written in a format.

    The file that was read may have another: lines of JSON in a .json, JSON in a .parquet. Under such a name no other
    program could read what is written.
    """
    return _SUFFIXES.get(format, ".json")


def write_dataset(samples: Sequence[Sample], path: Path | str, *, format: str = "qved") -> None:
    """Write ``samples`` in a registered format, atomically.

    Raises:
        DataInvalid: If a sample's meta uses a key that the format needs for itself; nothing is written.
        BadUsage: If the format can only be read.
        LookupError: If there is no such format.
    """
    write_atomic(Path(path), encode_dataset(samples, format=format))


def encode_dataset(samples: Sequence[Sample], *, format: str = "qved") -> str:
    """Return what ``write_dataset`` would write."""
    writer = readers.get(format)
    if not isinstance(writer, Writer):
        raise BadUsage(
            f"the format {format!r} is read and not written: it has no room for what other data says.",
            f"Write {', '.join(writable_formats())}.",
        )
    records = []
    for sample in samples:
        clashes = sorted(set(sample.meta) & RESERVED_KEYS)
        if clashes:
            raise DataInvalid(
                f"sample {sample.sample_id!r} has meta keys that formats need for themselves: {', '.join(clashes)}.",
                "Rename them.",
            )
        records.append(writer.to_record(sample))
    return writer.encode(records)


def writable_formats() -> list[str]:
    """Return the names of the formats that can hold any sample."""
    return [name for name in readers.names() if isinstance(readers.get(name), Writer)]


def write_qved(samples: Sequence[Sample], path: Path | str) -> None:
    """Write ``samples`` as QVED JSON: one list."""
    write_dataset(samples, path, format="qved")


def write_messages(samples: Sequence[Sample], path: Path | str) -> None:
    """Write ``samples`` as ``messages`` JSON Lines: one record a line."""
    write_dataset(samples, path, format="messages")
