"""Bytes of an annotation file to JSON records with their line numbers; strict, and it goes on after an error.

Python's parser takes NaN, 1e999, duplicate keys and half a surrogate pair without a word, and dies on a
5,000-digit number with a foreign error. Here each is a finding with a place, and reading goes on where the
file's structure allows it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vidtune.data._findings import Findings, Place, describe, shorten

_WHITESPACE = re.compile(r"[ \t\r\n]*")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_INT64_DIGITS = 19
MAX_DEPTH = 32
"""Levels of nesting in a record. The formats need five."""


@dataclass(frozen=True)
class Record:
    """One sample as written, and where."""

    place: Place
    value: dict[str, Any]


def decode_text(data: bytes, findings: Findings) -> tuple[str, list[str]]:
    """Return the text of a file and what was put up with; an unreadable encoding is a finding and gives ``""``."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        findings.add("line 1", "", "UTF-16 text", "UTF-8: save the file as UTF-8")
        return "", []
    notes = []
    if data.startswith(b"\xef\xbb\xbf"):
        data = data[3:]
        notes.append("The file begins with a byte order mark; it was skipped.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = data.count(b"\n", 0, exc.start) + 1
        findings.add(f"line {line}", "", f"the byte 0x{data[exc.start]:02x} at {exc.start:,}", "UTF-8 text")
        return "", notes
    if "\r\n" in text:
        notes.append("The file has Windows line ends (CRLF); they were accepted.")
    return text, notes


def parse_records(text: str, findings: Findings) -> list[Record]:
    """Return all records that could be parsed: of a JSON list, or one a line (JSON Lines)."""
    start = _skip(text, 0)
    if start == len(text):
        findings.add("", "", "an empty file", "a list of samples, or one sample a line")
        return []
    if text[start] == "[":
        records = list(_parse_list(text, start, findings))
    elif text[start] == "{":
        records = list(_parse_lines(text, findings))
    else:
        found = describe(text[start : start + 40])
        findings.add(f"line {_line_at(text, start)}", "", found, "a JSON list of samples, or one sample a line")
        return []
    if not records and not findings.count:
        findings.add("", "", "an empty list", "at least one sample")
    return records


def parse_value(text: str, place: Place) -> Any:
    """Return the one JSON value of ``text``; what is wrong with it is reported, and None returned."""
    parser = _Parser()
    start = _skip(text, 0)
    try:
        value, end = parser.parse(text, start)
    except _Broken as exc:
        place.report_text("", f"{exc.found} at line {_line_at(text, exc.position)}", exc.expected)
        return None
    parser.report_issues(place, value, text)
    if _skip(text, end) < len(text):
        place.report("", text[end : end + 40], "the end of the file")
    return value


def _parse_list(text: str, start: int, findings: Findings) -> Iterator[Record]:
    """Walk a JSON list item by item, so that each is known by its number and line."""
    position = _skip(text, start + 1)
    number, line, counted = 0, _line_at(text, position), position
    has_comma = False
    parser = _Parser()
    while position < len(text):
        if text[position] == "]":
            if has_comma:
                findings.add(f"line {line}", "", "a comma before the closing bracket", "no comma after the last item")
            rest = _skip(text, position + 1)
            if rest < len(text):
                findings.add(
                    f"line {_line_at(text, rest)}", "", describe(text[rest : rest + 40]), "the end of the file"
                )
            return
        number += 1
        line += text.count("\n", counted, position)
        counted = position
        place = Place(findings, f"line {line} (item {number})")
        try:
            value, end = parser.parse(text, position)
        except _Broken as exc:
            where = f"line {_line_at(text, exc.position)} (item {number})"
            findings.add(where, "", exc.found, f"{exc.expected}; nothing after it was read")
            return
        yield from _accept(value, text[position:end], parser, place)
        position = _skip(text, end)
        has_comma = position < len(text) and text[position] == ","
        if has_comma:
            position = _skip(text, position + 1)
        elif position < len(text) and text[position] != "]":
            where = f"line {_line_at(text, position)} (after item {number})"
            findings.add(where, "", describe(text[position : position + 40]), "a comma or the closing bracket")
            return
    findings.add(
        f"line {_line_at(text, len(text))}", "", "the end of the file", "a closing bracket: the file is cut off"
    )


def _parse_lines(text: str, findings: Findings) -> Iterator[Record]:
    """Parse one record a line; a broken line does not stop the others."""
    if _is_one_object(text):
        value, _ = _Parser().parse(text, _skip(text, 0))
        findings.add("", "", f"one object over several lines, {describe(value)}", "a list of samples, or one a line")
        return
    parser = _Parser()
    for number, line in enumerate(text.split("\n"), start=1):
        position = _skip(line, 0)
        if position == len(line):
            continue
        place = Place(findings, f"line {number}")
        try:
            value, end = parser.parse(line, position)
        except _Broken as exc:
            place.report_text("", f"{exc.found} at column {exc.position + 1}", exc.expected)
            continue
        if _skip(line, end) < len(line):
            place.report("", line[end : end + 40], "one record and then the end of the line")
            continue
        yield from _accept(value, line, parser, place)


def _is_one_object(text: str) -> bool:
    """Whether the text is a single object that spans lines, which JSON Lines cannot hold."""
    start = _skip(text, 0)
    try:
        _, end = _Parser().parse(text, start)
    except _Broken:
        return False
    return "\n" in text[start:end] and _skip(text, end) == len(text)


def _accept(value: Any, source: str, parser: _Parser, place: Place) -> Iterator[Record]:
    if parser.report_issues(place, value, source):
        return
    if not isinstance(value, dict):
        place.report("", value, "an object with a video and a conversation")
        return
    yield Record(place, value)


class _Broken(Exception):
    """The text stops being JSON at ``position``."""

    def __init__(self, position: int, found: str, expected: str) -> None:
        super().__init__(found)
        self.position = position
        self.found = found
        self.expected = expected


class _Parser:
    """Parses one value and remembers what Python's parser would let pass."""

    def __init__(self) -> None:
        self.issues: list[tuple[str, str, str]] = []
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._take_object,
            parse_float=self._take_float,
            parse_int=self._take_int,
            parse_constant=self._take_constant,
        )

    def parse(self, text: str, position: int) -> tuple[Any, int]:
        """Return the value that begins at ``position`` and where it ends; what is remembered is of this value."""
        self.issues.clear()
        try:
            return self._decoder.raw_decode(text, position)
        except json.JSONDecodeError as exc:
            at = min(exc.pos, len(text))
            found = describe(text[at : at + 30]) if at < len(text) else "the end of the text"
            raise _Broken(at, found, f"JSON ({exc.msg})") from exc
        except RecursionError as exc:
            raise _Broken(position, "more levels of nesting than can be read", f"at most {MAX_DEPTH}") from exc

    def report_issues(self, place: Place, value: Any, source: str) -> bool:
        """Report what was remembered; True if there was anything."""
        for field, found, expected in self.issues:
            place.report_text(field, found, expected)
        has_issues = bool(self.issues)
        if depth_of(value) > MAX_DEPTH:
            place.report_text("", "deep nesting", f"at most {MAX_DEPTH} levels")
            return True
        half_pair = _field_of_half_pair(value) if _SURROGATE.search(source) else None
        if half_pair is not None:
            place.report_text(half_pair, "half of a surrogate pair (\\ud800-\\udfff)", "whole characters")
            return True
        return has_issues

    def _take_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    self.issues.append((shorten(key), "the key twice in one object", "each key once"))
                seen.add(key)
        return result

    def _take_float(self, literal: str) -> float:
        value = float(literal)
        if not math.isfinite(value):
            self.issues.append(("", f"the number {shorten(literal, 24)}", "a number that fits into a double"))
            return 0.0
        return value

    def _take_int(self, literal: str) -> int:
        digits = len(literal.lstrip("-"))
        if digits > _INT64_DIGITS or not -(2**63) <= int(literal) < 2**63:
            self.issues.append(("", f"a number of {digits:,} digits", "a number that fits into 64 bits"))
            return 0
        return int(literal)

    def _take_constant(self, name: str) -> None:
        self.issues.append(("", name, "a number: JSON has no NaN or Infinity"))


def depth_of(value: Any) -> int:
    """Return how deep ``value`` is nested, without recursion; counting stops just past the limit."""
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        inner: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
        level = inner
        depth += 1
    return depth


def _field_of_half_pair(value: Any, field: str = "") -> str | None:
    """Return where the first text is that UTF-8 cannot hold, as ``conversations[0].value``; None if there is none."""
    if isinstance(value, str):
        return field if _HALF_PAIR.search(value) else None
    inner: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        # A key is a text too, and is named by the object it is in.
        inner = [(field, key) for key in value]
        inner += [(f"{field}.{shorten(key)}" if field else shorten(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        inner = [(f"{field}[{index}]", item) for index, item in enumerate(value)]
    found = (_field_of_half_pair(item, name) for name, item in inner)
    return next((name for name in found if name is not None), None)


def _skip(text: str, position: int) -> int:
    match = _WHITESPACE.match(text, position)
    return match.end() if match else position


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def as_lines(records: Iterable[Mapping[str, Any]]) -> str:
    """Return records as JSON Lines."""
    return "".join(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records)


def as_list(records: Iterable[Mapping[str, Any]]) -> str:
    """Return records as one indented JSON list."""
    return json.dumps(list(records), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
