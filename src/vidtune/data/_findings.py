"""Everything that is wrong with a file, collected before anything is raised."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidtune.core.errors import DataInvalid

NUM_SHOWN = 20
_MAX_KEPT = 10_000
_MAX_TEXT = 60
_LINE = re.compile(r"line (\d+)")


class Findings:
    """Located problems of one annotation file.

    Args:
        path: The file; its name begins every finding.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._kept: list[tuple[int, str]] = []

    def add(self, where: str, field: str, found: str, expected: str) -> None:
        """Note one problem: ``where`` is a line or an item, ``field`` may be empty."""
        self.count += 1
        if len(self._kept) < _MAX_KEPT:
            place = ", ".join(part for part in (self.path.name, where, field) if part)
            line = _LINE.match(where)
            self._kept.append((int(line.group(1)) if line else 0, f"{place}: found {found}, expected {expected}"))

    def raise_if_any(self) -> None:
        """Raise ``DataInvalid`` with the first findings and the count of all."""
        if not self.count:
            return
        # Texts are checked before records are: what was found first is not what comes first in the file.
        shown = [text for _, text in sorted(self._kept, key=lambda kept: kept[0])[:NUM_SHOWN]]
        more = [f"... and {self.count - NUM_SHOWN} more"] if self.count > NUM_SHOWN else []
        raise DataInvalid(
            f"{self.path} does not hold: {self.count} finding{'s' if self.count > 1 else ''}.",
            "Mend the file; docs/data.md tells each format.",
            [*shown, *more],
        )


@dataclass(frozen=True)
class Place:
    """One record of a file, able to say what is wrong with it."""

    findings: Findings
    where: str

    def report(self, field: str, value: Any, expected: str) -> None:
        """Note that ``field`` holds ``value`` where ``expected`` was wanted."""
        self.findings.add(self.where, field, describe(value), expected)

    def report_text(self, field: str, found: str, expected: str) -> None:
        """Note a problem whose finding is already in words."""
        self.findings.add(self.where, field, found, expected)


class _Absent:
    """Stands for a key that is not there; ``None`` is JSON's null."""


ABSENT = _Absent()


def describe(value: Any) -> str:
    """Name a JSON value in a few words, however long or deep it is.

    Example:
        >>> describe(["a", "b"])
        'a list of 2'
    """
    if value is ABSENT:
        return "nothing"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {shorten(value)!r}" if value else "an empty text"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, dict):
        keys = ", ".join(shorten(key, 24) for key in list(value)[:6])
        return f"an object with the keys {keys}" if value else "an empty object"
    return f"a {type(value).__name__}"


def shorten(text: str, max_length: int = _MAX_TEXT) -> str:
    """Return ``text`` cut to ``max_length`` and safe to print: control characters and half pairs escaped."""
    cut = text if len(text) <= max_length else text[: max_length - 3] + "..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in cut)
