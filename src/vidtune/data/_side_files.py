"""What lies beside an annotation file and says more about its clips: classes, people, errors.

    manifest.json           {"dataset/squats/0001.mp4": "squats"}; an object as value is searched for its class
    subjects.json           {"squats/0001.mp4": "s07"}
    annotated_errors.json   [{"video": "squats/0001.mp4", "exercise": "squats", "errors": ["knee_valgus"], ...}]

All are optional. Their paths often begin elsewhere (``dataset/...``), so a clip is found by the longest common tail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from vidtune.data._findings import Findings, Place, describe, shorten
from vidtune.data._paths import num_shared_tail, path_parts
from vidtune.data._strict_json import decode_text, parse_value

ValueT = TypeVar("ValueT")

_CLASS_KEYS = ("class", "label", "exercise", "exercise_class", "category")
_SUBJECT_KEYS = ("subject", "subject_id", "person", "patient")


@dataclass(frozen=True)
class SideFiles:
    """What is known of clips beyond their records."""

    labels: PathTable[str]
    subjects: PathTable[str]
    annotations: PathTable[Mapping[str, Any]]
    notes: tuple[str, ...]


@dataclass
class PathTable(Generic[ValueT]):
    """Values by path, found by the longest common tail of the path's parts."""

    _by_name: dict[str, list[tuple[tuple[str, ...], ValueT]]] = field(default_factory=dict)

    def add(self, path: str, value: ValueT) -> None:
        """Remember ``value`` for ``path``."""
        parts = path_parts(path)
        if parts:
            self._by_name.setdefault(parts[-1], []).append((parts, value))

    def find(self, path: str) -> ValueT | None:
        """Return the value of the entry that shares most trailing parts; None if two say different things."""
        parts = path_parts(path)
        entries = self._by_name.get(parts[-1], []) if parts else []
        if not entries:
            return None
        best = max(num_shared_tail(parts, other) for other, _ in entries)
        values = [value for other, value in entries if num_shared_tail(parts, other) == best]
        return values[0] if all(value == values[0] for value in values) else None


def read_side_files(folder: Path) -> SideFiles:
    """Read what is there of the three files.

    Raises:
        DataInvalid: If one is there and does not hold; a label that is silently missing would cost more.
    """
    labels, subjects = PathTable[str](), PathTable[str]()
    annotations = PathTable[Mapping[str, Any]]()
    notes = []
    for name in ("manifest.json", "subjects.json", "annotated_errors.json"):
        if not (folder / name).is_file():
            continue
        findings = Findings(folder / name)
        place = Place(findings, "")
        value = _read_value(folder / name, place)
        if findings.count == 0 and name == "manifest.json":
            _take_names(value, place, labels, _CLASS_KEYS)
        elif findings.count == 0 and name == "subjects.json":
            _take_names(value, place, subjects, _SUBJECT_KEYS)
        elif findings.count == 0:
            _take_annotations(value, place, annotations)
        findings.raise_if_any()
        notes.append(f"{name} beside it was used.")
    return SideFiles(labels, subjects, annotations, tuple(notes))


def _read_value(path: Path, place: Place) -> Any:
    try:
        text, _ = decode_text(path.read_bytes(), place.findings)
    except OSError as exc:
        place.report_text("", f"a file that cannot be read ({exc.strerror})", "a readable file, or none")
        return None
    return parse_value(text, place) if not place.findings.count else None


def _take_names(value: Any, place: Place, table: PathTable[str], keys: tuple[str, ...]) -> None:
    if not isinstance(value, dict):
        place.report("", value, "an object from video paths to names")
        return
    for path, name in value.items():
        # Augmented clips have an object where the others have the plain name.
        if isinstance(name, dict):
            name = next((name[key] for key in keys if isinstance(name.get(key), str)), name)
        if isinstance(name, str) and name.strip():
            table.add(path, name.replace("_", " ").strip() if keys is _CLASS_KEYS else name)
        else:
            place.report(shorten(path), name, "a name, as text")


def _take_annotations(value: Any, place: Place, table: PathTable[Mapping[str, Any]]) -> None:
    if isinstance(value, dict):
        value = [{**item, "video": path} if isinstance(item, dict) else item for path, item in value.items()]
    if not isinstance(value, list):
        place.report("", value, "a list of annotated clips")
        return
    for index, item in enumerate(value):
        if not isinstance(item, dict) or not isinstance(item.get("video"), str):
            place.report_text(f"item {index + 1}", describe(item), "an object with `video`")
        elif not isinstance(item.get("errors", []), list):
            place.report(f"item {index + 1}.errors", item["errors"], "a list of error names")
        else:
            table.add(item["video"], item)
