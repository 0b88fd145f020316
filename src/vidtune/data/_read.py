"""An annotation file, or a folder of clips, to a ``Dataset``: every problem of the file at once, or all of its samples.

Where a class comes from, first that says something: the record's own ``label``; ``manifest.json``; ``exercise`` in
``annotated_errors.json``; the video's folder, when the clips lie in more than one and it is not a split's name;
the answer's text before " - ". A subject comes from the record, then from ``subjects.json``, then from
``annotated_errors.json``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from vidtune.core.errors import BadUsage, DataInvalid
from vidtune.core.hashing import sha256_bytes
from vidtune.data._conversation import RESERVED_KEYS
from vidtune.data._findings import Findings, describe
from vidtune.data._layouts import RECORDS, Layout, SourceFile, clips_below
from vidtune.data._npy import is_npy, npy_to_lines
from vidtune.data._parquet import is_parquet, parquet_to_lines
from vidtune.data._paths import clean_path, parent_name, without_suffix
from vidtune.data._samples import Dataset, Sample
from vidtune.data._side_files import SideFiles, read_side_files
from vidtune.data._strict_json import Record, decode_text
from vidtune.data._tasks import PROTOCOL
from vidtune.data.readers import Reader, readers

_NUM_LOOKED_AT = 20
_NOT_A_CLASS = {"", "train", "val", "valid", "validation", "test", "dev", "video", "videos", "clips", "data", "dataset"}
_NOT_COPIED = RESERVED_KEYS | {"exercise", "ground_truth"}
_MAX_LABEL = 80


def read_dataset(path: Path | str, *, format: str = "auto") -> Dataset:
    """Read an annotation file.

    Args:
        path: A file that a reader understands (``docs/data.md`` lists them), or a folder of clips.
        format: Name of a reader; ``auto`` decides by the layout of the file and the keys of its first records.

    Raises:
        DataInvalid: With every finding of the file (the first 20 and the count), each with line and field.
        BadUsage: If ``format`` is not the name of a reader.
    """
    path = Path(path)
    reader = _reader_named(format) if format != "auto" else None
    findings = Findings(path)
    data = _read_bytes(path, is_named=reader is not None)
    text, notes = _text_of(path, data, findings)
    source = SourceFile(path, text)
    records: list[Record] = []
    if not findings.count and reader is not None:
        records = reader.layout.parse(source, findings)
    elif not findings.count:
        format, records = _detect_format(source, findings)
        reader = readers.get(format) if format else None
    drafts = [reader.read_record(record.value, record.place) for record in records] if reader else []
    _report_repeated_ids(records, drafts)
    findings.raise_if_any()
    samples = _name_samples([sample for sample in drafts if sample is not None])
    side = read_side_files(path if path.is_dir() else path.parent)
    return Dataset(_enrich(samples, side), path, format, sha256_bytes(data), (*notes, *side.notes))


def _reader_named(format: str) -> Reader:
    try:
        return readers.get(format)
    except LookupError as exc:
        raise BadUsage(str(exc), "Leave the format out to have it found.") from exc


def _read_bytes(path: Path, *, is_named: bool) -> bytes:
    """Return what the file holds; of a folder of clips, their names and sizes.

    A folder that holds annotation files too is taken for one of clips only where its format is named.
    """
    try:
        if path.is_dir() and (is_named or not _annotation_names(path)) and (clips := clips_below(path)):
            return "".join(f"{name} {(path / name).stat().st_size}\n" for name in clips).encode()
        return path.read_bytes()
    except FileNotFoundError as exc:
        raise DataInvalid(f"{path} does not exist.", "Check the path of the annotation file.") from exc
    except IsADirectoryError as exc:
        names = _annotation_names(path)[:5]
        hint = f"Name one of its files: {', '.join(names)}." if names else "Name an annotation file."
        raise DataInvalid(f"{path} is a folder, expected an annotation file.", hint) from exc
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc)
        raise DataInvalid(f"{path} cannot be read: {reason}.", "Check the path and its permissions.") from exc


def _text_of(path: Path, data: bytes, findings: Findings) -> tuple[str, list[str]]:
    if path.is_dir():
        return "", []
    if is_parquet(data):
        return parquet_to_lines(data, findings), []
    return (npy_to_lines(data, findings), []) if is_npy(data) else decode_text(data, findings)


def _annotation_names(folder: Path) -> list[str]:
    return sorted(
        item.name for item in folder.iterdir() if item.suffix in (".json", ".jsonl", ".csv", ".tsv", ".parquet")
    )


def _detect_format(source: SourceFile, findings: Findings) -> tuple[str, list[Record]]:
    """Return the format that most of the first records look like, and the records; "" if no format knows them."""
    by_layout: dict[Layout, list[str]] = {}
    for name in readers.names():
        by_layout.setdefault(readers.get(name).layout, []).append(name)
    fitting = [layout for layout in by_layout if layout.fits(source)]
    # A nested or joined file is also a list or an object: what asks for more is tried first.
    fitting.sort(key=lambda layout: layout == RECORDS)
    for layout in fitting:
        own = findings if layout == RECORDS else Findings(source.path)
        records = layout.parse(source, own)
        votes: Counter[str] = Counter()
        for record in records[:_NUM_LOOKED_AT]:
            votes.update(_formats_of(record.value, by_layout[layout]))
        if votes:
            # Parsed again into the findings of the file, which a try that came to nothing must not fill.
            return votes.most_common(1)[0][0], records if own is findings else layout.parse(source, findings)
        if own is findings:
            return "", _report_unknown(records, by_layout[layout], findings)
    layout = fitting[0] if fitting else RECORDS
    return "", _report_unknown(layout.parse(source, findings), by_layout[layout], findings)


def _formats_of(record: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    found = [name for name in names if readers.get(name).recognises(record)]
    return [name for name in found if not getattr(readers.get(name), "is_general", False)] or found


def _report_unknown(records: list[Record], names: Sequence[str], findings: Findings) -> list[Record]:
    if records:
        known = "; ".join(f"{readers.get(name).looks_like} ({name})" for name in names)
        findings.add(records[0].place.where, "", describe(records[0].value), known)
    return records


def _report_repeated_ids(records: Sequence[Record], drafts: Sequence[Sample | None]) -> None:
    """Report every id that is written twice, with both places; also where the rest of the record does not hold."""
    first_place: dict[str, str] = {}
    for record, draft in zip_longest(records, drafts):
        written = draft.sample_id if draft is not None else record.value.get("id")
        if not isinstance(written, str | int) or written == "":
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
    if PROTOCOL in sample.meta:
        # A benchmark's folders and answers are no classes: what it says of its clips is in its records.
        return replace(sample, subject=sample.subject or side.subjects.find(sample.video))
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
