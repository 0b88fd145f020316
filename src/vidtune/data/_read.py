"""An annotation file to a ``Dataset``: every problem of the file at once, or all of its samples.

Where a class comes from, first that says something: the record's own ``label``; ``manifest.json``; ``exercise`` in
``annotated_errors.json``; the video's folder, when the clips lie in more than one and it is not a split's name;
the answer's text before " - ". A subject comes from the record, then from ``subjects.json``, then from
``annotated_errors.json``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vidtune.core.errors import BadUsage, DataInvalid
from vidtune.core.hashing import sha256_bytes
from vidtune.data._conversation import RESERVED_KEYS
from vidtune.data._findings import Findings, describe
from vidtune.data._paths import clean_path, parent_name, without_suffix
from vidtune.data._samples import Dataset, Sample
from vidtune.data._side_files import SideFiles, read_side_files
from vidtune.data._strict_json import Record, decode_text, parse_records
from vidtune.data.readers import Reader, readers

_NUM_LOOKED_AT = 20
_NOT_A_CLASS = {"", "train", "val", "valid", "validation", "test", "dev", "video", "videos", "clips", "data", "dataset"}
_NOT_COPIED = RESERVED_KEYS | {"exercise", "ground_truth"}
_MAX_LABEL = 80


def read_dataset(path: Path | str, *, format: str = "auto") -> Dataset:
    """Read an annotation file.

    Args:
        path: QVED JSON or ``messages`` JSON Lines, or whatever a registered reader understands.
        format: Name of a reader; ``auto`` decides by the keys of the first records.

    Raises:
        DataInvalid: With every finding of the file (the first 20 and the count), each with line and field.
        BadUsage: If ``format`` is not the name of a reader.
    """
    path = Path(path)
    reader = _reader_named(format) if format != "auto" else None
    data = _read_bytes(path)
    findings = Findings(path)
    text, notes = decode_text(data, findings)
    records = parse_records(text, findings) if not findings.count else []
    if reader is None and records:
        format = _detect_format(records, findings)
        reader = readers.get(format) if format else None
    drafts = [reader.read_record(record.value, record.place) for record in records] if reader else []
    _report_repeated_ids(records)
    findings.raise_if_any()
    samples = _name_samples([sample for sample in drafts if sample is not None])
    side = read_side_files(path.parent)
    return Dataset(_enrich(samples, side), path, format, sha256_bytes(data), (*notes, *side.notes))


def _reader_named(format: str) -> Reader:
    try:
        return readers.get(format)
    except LookupError as exc:
        raise BadUsage(str(exc), "Leave the format out to have it found.") from exc


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as exc:
        raise DataInvalid(f"{path} does not exist.", "Check the path of the annotation file.") from exc
    except IsADirectoryError as exc:
        names = sorted(item.name for item in path.iterdir() if item.suffix in (".json", ".jsonl"))[:5]
        hint = f"Name one of its files: {', '.join(names)}." if names else "Name an annotation file."
        raise DataInvalid(f"{path} is a folder, expected an annotation file.", hint) from exc
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc)
        raise DataInvalid(f"{path} cannot be read: {reason}.", "Check the path and its permissions.") from exc


def _detect_format(records: Sequence[Record], findings: Findings) -> str:
    """Return the name of the format that most of the first records look like; "" if none does."""
    votes: Counter[str] = Counter()
    for record in records[:_NUM_LOOKED_AT]:
        votes.update(name for name in readers.names() if readers.get(name).recognises(record.value))
    if votes:
        return votes.most_common(1)[0][0]
    known = "; ".join(f"{readers.get(name).looks_like} ({name})" for name in readers.names())
    findings.add(records[0].place.where, "", describe(records[0].value), known)
    return ""


def _report_repeated_ids(records: Sequence[Record]) -> None:
    """Report every id that is written twice, with both places; also where the rest of the record does not hold."""
    first_place: dict[str, str] = {}
    for record in records:
        written = record.value.get("id")
        if not isinstance(written, str | int):
            continue
        if str(written) in first_place:
            record.place.report("id", written, f"each id once; it was used at {first_place[str(written)]}")
        first_place.setdefault(str(written), record.place.where)


def _name_samples(samples: Sequence[Sample]) -> list[Sample]:
    """Give an id to every sample that has none."""
    taken = {sample.sample_id for sample in samples if sample.sample_id}
    return [sample if sample.sample_id else replace(sample, sample_id=_derive_id(sample, taken)) for sample in samples]


def _derive_id(sample: Sample, taken: set[str]) -> str:
    """Return the video's path without suffix; later samples of the same clip get ``#2``, ``#3`` ...

    So an id does not change when other clips are added or taken out, and a person can find the clip by it.
    """
    base = without_suffix(clean_path(sample.video)) or sample.video
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}#{number}"
    taken.add(name)
    return name


def _enrich(samples: Sequence[Sample], side: SideFiles) -> tuple[Sample, ...]:
    folders = {parent_name(sample.video) for sample in samples}
    return tuple(_enrich_one(sample, side, folders_differ=len(folders) > 1) for sample in samples)


def _enrich_one(sample: Sample, side: SideFiles, *, folders_differ: bool) -> Sample:
    annotation = side.annotations.find(sample.video) or {}
    meta: dict[str, Any] = {key: value for key, value in annotation.items() if key not in _NOT_COPIED}
    label = sample.label or side.labels.find(sample.video)
    if label is None:
        folder = parent_name(sample.video)
        is_class = folders_differ and folder.lower() not in _NOT_A_CLASS
        found = _text_in(annotation, "exercise") or (folder if is_class else "")
        # File and folder names cannot well hold blanks; in answers the class is written with them.
        label = found.replace("_", " ") or None
    return replace(
        sample,
        label=label or _label_in_answer(sample.answer),
        subject=sample.subject or side.subjects.find(sample.video) or _text_in(annotation, "subject"),
        meta={**meta, **sample.meta},
    )


def _text_in(annotation: Mapping[str, Any], key: str) -> str | None:
    value = annotation.get(key)
    return value if isinstance(value, str) and value else None


def _label_in_answer(answer: str) -> str | None:
    """Return what stands before the first " - " of the first line, when it is short enough to be a name."""
    name, found, _ = answer.partition("\n")[0].partition(" - ")
    return name.strip() if found and 0 < len(name.strip()) <= _MAX_LABEL else None
