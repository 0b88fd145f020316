"""One file per annotation format. A new format is one file and one line in the table below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from vidtune.core.registry import Registry
from vidtune.data._findings import Place
from vidtune.data._samples import Sample


class Reader(Protocol):
    """An annotation format: how its records are known, read and written."""

    is_lines: bool
    """Whether files of this format are written one record a line; both layouts are read."""

    looks_like: str
    """The keys that mark a record, for messages."""

    def recognises(self, record: Mapping[str, Any]) -> bool:
        """Whether ``record`` is of this format, by its keys alone."""

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        """Return the sample, or None after reporting all that is wrong with it."""

    def to_record(self, sample: Sample) -> dict[str, Any]:
        """Return the record that reads back as exactly this sample."""


readers: Registry[Reader] = Registry(
    "reader",
    {
        "messages": "vidtune.data.readers.messages:READER",
        "qved": "vidtune.data.readers.qved:READER",
    },
)

__all__ = ["Reader", "readers"]
