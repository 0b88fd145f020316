"""How annotation files are cut into records: lists, lines, tables, one object, a folder. Each record has a place."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from vidtune.data._findings import Findings, Place, shorten
from vidtune.data._paths import VIDEO_SUFFIXES, parent_name
from vidtune.data._strict_json import Record, parse_records, parse_value

_TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".npy")
_MAX_CELL = 1_000_000
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True)
class SourceFile:
    """An annotation file that has been read, or a folder."""

    path: Path
    text: str
    """Empty for a folder."""

    @cached_property
    def is_table(self) -> bool:
        """Whether it is a file of delimited text by its name, and not JSON by its first character."""
        return self.path.suffix.lower() in _TABLE_SUFFIXES and self.text.lstrip()[:1] not in ("[", "{")

    @cached_property
    def first_line(self) -> str:
        """The first line that is not empty."""
        return next((line for line in self.text.split("\n") if line.strip()), "")

    @cached_property
    def single_object(self) -> dict[str, Any] | None:
        """The one JSON object that the whole file is, or None."""
        if not self.text.lstrip().startswith("{"):
            return None
        findings = Findings(self.path)
        value = parse_value(self.text, Place(findings, ""))
        return value if isinstance(value, dict) and not findings.count else None


class Layout(Protocol):
    """A way to cut a file into records."""

    def fits(self, source: SourceFile) -> bool:
        """Whether ``source`` looks as if it were laid out so."""

    def parse(self, source: SourceFile, findings: Findings) -> list[Record]:
        """Return all records that could be had; what is wrong is reported."""


@dataclass(frozen=True)
class RecordList:
    """A JSON list of records, or one record a line."""

    def fits(self, source: SourceFile) -> bool:
        """Whether it begins as JSON and is more than one object."""
        start = source.text.lstrip()[:1]
        return start == "[" or (start == "{" and (source.single_object is None or "\n" not in source.text.strip()))

    def parse(self, source: SourceFile, findings: Findings) -> list[Record]:
        """Return the records with line and number."""
        return parse_records(source.text, findings)


@dataclass(frozen=True)
class NestedList:
    """A JSON list of records that each hold a list of inner records under ``key``; the outer fields go with each."""

    key: str

    def fits(self, source: SourceFile) -> bool:
        """Whether the key is in the first record, as far as a glance tells."""
        return source.text.lstrip().startswith("[") and f'"{self.key}"' in source.text[:20_000]

    def parse(self, source: SourceFile, findings: Findings) -> list[Record]:
        """Return one record for each inner one."""
        return [inner for outer in parse_records(source.text, findings) for inner in self._open(outer)]

    def _open(self, outer: Record) -> Iterator[Record]:
        items = outer.value.get(self.key)
        if not isinstance(items, list) or not items:
            outer.place.report(self.key, items, "a list of records")
            return
        shared = {key: value for key, value in outer.value.items() if key != self.key}
        for number, item in enumerate(items):
            place = Place(outer.place.findings, f"{outer.place.where}, {self.key}[{number}]")
            if isinstance(item, dict):
                yield Record(place, {**shared, **item})
            else:
                place.report("", item, "an object")


@dataclass(frozen=True)
class ObjectByKey:
    """One JSON object from names to records; the name becomes the field ``name``."""

    name: str

    def fits(self, source: SourceFile) -> bool:
        """Whether all values of the one object are objects."""
        found = source.single_object
        return bool(found) and all(isinstance(value, dict) for value in (found or {}).values())

    def parse(self, source: SourceFile, findings: Findings) -> list[Record]:
        """Return a record for each name."""
        value = parse_value(source.text, Place(findings, ""))
        records = []
        for key, item in value.items() if isinstance(value, dict) else ():
            place = Place(findings, f"key {shorten(key)!r}")
            if isinstance(item, dict):
                records.append(Record(place, {self.name: key, **item}))
            else:
                place.report("", item, "an object")
        return records


@dataclass(frozen=True)
class JoinedObject:
    """One JSON object of several lists that belong together, as MSR-VTT's videos and sentences."""

    keys: tuple[str, ...]
    join: Callable[[Mapping[str, Any], Place], list[tuple[str, dict[str, Any]]]]
    """From the object to records, each with the words for its place."""

    def fits(self, source: SourceFile) -> bool:
        """Whether the one object has all the keys."""
        return source.single_object is not None and set(self.keys) <= set(source.single_object)

    def parse(self, source: SourceFile, findings: Findings) -> list[Record]:
        """Return the joined records."""
        place = Place(findings, "")
        value = parse_value(source.text, place)
        if not isinstance(value, dict):
            return []
        for key in self.keys:
            if not isinstance(value.get(key), list):
                place.report(key, value.get(key), "a list")
        if findings.count:
            return []
        return [Record(Place(findings, where), record) for where, record in self.join(value, place)]


@dataclass(frozen=True)
class Table:
    """Delimited text: one record a line. Without ``columns`` the first line names them, and shows what divides them."""

    delimiter: str = ""
    """Empty: a comma, a semicolon (as Excel writes it in half of Europe) or a tab."""

    columns: tuple[str, ...] = ()

    def fits(self, source: SourceFile) -> bool:
        """Whether the first line has as many cells as there should be."""
        return source.is_table and (
            not self.columns or source.first_line.count(self.delimiter) >= len(self.columns) - 1
        )

    def parse(self, source: SourceFile, findings: Findings) -> list[Record]:
        """Return a record of texts for each line; cells that are missing or too many are reported."""
        csv.field_size_limit(_MAX_CELL)
        text = io.StringIO(source.text)
        delimiter = self.delimiter or max(_DELIMITERS, key=source.first_line.count)
        if self.columns:
            lines = csv.reader(text, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
        else:
            lines = csv.reader(text, delimiter=delimiter, strict=True)
        records: list[Record] = []
        columns = list(self.columns)
        while True:
            line = lines.line_num + 1
            place = Place(findings, f"line {line}")
            try:
                cells = next(lines, None)
            except csv.Error as exc:
                place.report_text("", f"text that is no row ({exc})", "cells divided by " + _named(delimiter))
                break
            if cells is None:
                break
            if not any(cell.strip() for cell in cells):
                continue
            if not columns:
                columns = [cell.strip() for cell in cells]
                for name in {name for name in columns if columns.count(name) > 1}:
                    place.report_text(shorten(name), "the column twice", "each column once")
                continue
            if len(cells) != len(columns):
                place.report_text("", f"{len(cells)} cells", f"{len(columns)}: {', '.join(columns)}")
                continue
            records.append(Record(place, dict(zip(columns, cells, strict=True))))
        if not records and not findings.count:
            findings.add("", "", "no row", "at least one")
        return records


@dataclass(frozen=True)
class NameList:
    """A text file with one name a line and no line of columns; the name becomes ``field``."""

    field: str
    pattern: str
    """What a name looks like; the first of the file has to."""

    def fits(self, source: SourceFile) -> bool:
        """Whether its first line is such a name and nothing else."""
        return source.is_table and re.fullmatch(self.pattern, source.first_line.strip()) is not None

    def parse(self, source: SourceFile, findings: Findings) -> list[Record]:
        """Return a record for each line that is not empty."""
        lines = enumerate(source.text.split("\n"), start=1)
        return [
            Record(Place(findings, f"line {number}"), {self.field: line.strip()})
            for number, line in lines
            if line.strip()
        ]


@dataclass(frozen=True)
class ClipFolder:
    """A folder of video files, flat or with one folder for each class."""

    def fits(self, source: SourceFile) -> bool:
        """Whether it is a folder."""
        return source.path.is_dir()

    def parse(self, source: SourceFile, findings: Findings) -> list[Record]:
        """Return a record for each clip, by path."""
        clips = clips_below(source.path)
        if not clips:
            findings.add("", "", f"no {', '.join(sorted(VIDEO_SUFFIXES))} file", "a folder of clips")
        has_classes = len({parent_name(name) for name in clips}) > 1
        return [Record(Place(findings, name), {"clip": name, "has_classes": has_classes}) for name in clips]


def clips_below(folder: Path) -> list[str]:
    """Return the video files below a folder by their relative paths, sorted; hidden ones are left out."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
    names = (path.relative_to(folder).as_posix() for path in found)
    return sorted(name for name in names if not any(part.startswith(".") for part in name.split("/")))


def _named(delimiter: str) -> str:
    return "a tab" if delimiter == "\t" else repr(delimiter)


RECORDS = RecordList()
"""The layout of most formats; one for all of them, so that a file is parsed once."""
