"""One file per annotation format: a file put into this folder is a format that vidtune reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from vidtune.core.registry import Registry, parts_in_folder
from vidtune.data._findings import Place
from vidtune.data._layouts import Layout
from vidtune.data._samples import Sample


class Reader(Protocol):
    """An annotation format: how its files are cut into records, and how a record is known and read.

    It may have ``split_lists`` besides: from splits that are files of their own, as papers name them, to those files;
    and ``is_general``, true where it takes records that no other format knows.
    """

    layout: Layout
    """How a file is cut into records."""

    looks_like: str
    """What marks a record or a file, for messages."""

    def recognises(self, record: Mapping[str, Any]) -> bool:
        """Whether ``record`` is of this format, by its keys alone."""

    def read_record(self, record: Mapping[str, Any], place: Place) -> Sample | None:
        """Return the sample, or None after reporting all that is wrong with it."""


@runtime_checkable
class Writer(Protocol):
    """What a reader has besides when its format can hold any sample."""

    def to_record(self, sample: Sample) -> dict[str, Any]:
        """Return the record that reads back as exactly this sample."""

    def encode(self, records: list[dict[str, Any]]) -> str:
        """Return the text of a file of these records."""


readers: Registry[Reader] = Registry("reader", parts_in_folder(__name__, __path__, "READER"))
"""All formats by name; packages add theirs through the entry-point group ``vidtune.reader``."""

__all__ = ["Reader", "Writer", "readers"]
