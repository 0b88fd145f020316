"""Reading predictions: a run directory, a predictions.jsonl, or a test_predictions.json of the QVED pipeline."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from vidtune.core.durable import RecordLog, read_json
from vidtune.core.errors import DataInvalid
from vidtune.core.hashing import sha256_file
from vidtune.core.rundir import RunDirectory
from vidtune.core.wording import counted

_MAX_FINDINGS = 20


@dataclass(frozen=True)
class Prediction:
    """One sample with its answer and the model's, or the error that took its place."""

    sample_id: str
    answer: str
    """The ground truth; empty when none is known."""
    text: str | None
    """What the model said; None when the sample failed."""
    error_code: str | None = None
    question: str = ""
    video: str = ""
    subject: str | None = None
    label: str | None = None
    errors: tuple[str, ...] | None = None
    """Form errors that the sample shows: empty for correct form, None where unknown."""
    meta: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What the data set says of the sample: options, references, events and the like (``vidtune.data``)."""
    record: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def references(self) -> tuple[str, ...]:
        """All reference answers, the first being ``answer``; one where the data set has no more."""
        found = self.meta.get("references")
        texts = [text for text in found if isinstance(text, str) and text.strip()] if isinstance(found, list) else []
        return tuple(texts) or (self.answer,)

    @property
    def short_answers(self) -> tuple[str, ...]:
        """The keyword of a long answer where the data has one, else all reference answers."""
        found = self.meta.get("short_answer")
        return (found,) if isinstance(found, str) and found.strip() else self.references

    @property
    def question_kind(self) -> str:
        """What questions are alike by: the type that the data gives, else the very words."""
        return str(self.meta.get("question_type") or self.question)

    @property
    def options(self) -> tuple[str, ...]:
        """The options of a multiple-choice question; empty for any other."""
        found = self.meta.get("options")
        return tuple(str(option) for option in found) if isinstance(found, list) else ()

    @property
    def frames(self) -> Mapping[str, Any] | None:
        """Which frames were shown, where the record tells it as vidtune does; others list names of files there."""
        found = self.record.get("frames")
        return found if isinstance(found, Mapping) and found else None

    @property
    def is_ok(self) -> bool:
        """Whether there is an answer to score; an empty answer is one."""
        return self.text is not None


@dataclass(frozen=True)
class PredictionFile:
    """All predictions of one file."""

    path: Path
    sha256: str
    predictions: tuple[Prediction, ...]
    num_expected: int | None = None
    """How many of them the prediction run was asked for; None where no run says it."""
    kept_back: tuple[Prediction, ...] = ()
    """Apart from ``predictions``: questions whose answers the benchmark publishes for others of the file only. They can
    be handed in and not scored."""

    @property
    def is_unfinished(self) -> bool:
        """Whether there are fewer predictions than were asked for."""
        return self.num_expected is not None and len(self.predictions) < self.num_expected

    @property
    def run(self) -> RunDirectory:
        """Where results about these predictions are written."""
        return RunDirectory(self.path.parent)

    @property
    def answered(self) -> tuple[Prediction, ...]:
        """Those that can be scored."""
        return tuple(prediction for prediction in self.predictions if prediction.is_ok)


def read_predictions(source: Path) -> PredictionFile:
    """Read the predictions at ``source``.

    Of several records of one sample the last counts: a failed sample that was tried again.

    Raises:
        DataInvalid: If there are none, or records that cannot be understood; all of them are named.
        RunCorrupt: If a checksummed record is damaged.
    """
    path = _find_file(source)
    records = _read_json_list(path) if path.suffix == ".json" else _read_lines(path)
    if not records:
        raise DataInvalid(f"{path} holds no predictions.", "Run `vidtune predict` first, or give another file.")
    findings = [finding for place, record in records for finding in _check(place, record)]
    if findings:
        shown = [
            *findings[:_MAX_FINDINGS],
            *([f"... and {len(findings) - _MAX_FINDINGS} more"] * (len(findings) > _MAX_FINDINGS)),
        ]
        raise DataInvalid(f"{path} has {counted(len(findings), 'problem')}.", "Mend or re-create the file.", shown)
    is_compat = path.suffix == ".json"
    parse = _parse_compat if is_compat else _parse_record
    parsed = [parse(record) for _, record in records]
    if is_compat:
        parsed = _number_repeats(parsed)
    latest = {prediction.sample_id: prediction for prediction in parsed}
    kept_back = _kept_back(latest.values())
    num_expected = _read_num_expected(path)
    return PredictionFile(
        path,
        sha256_file(path),
        tuple(prediction for name, prediction in latest.items() if name not in kept_back),
        None if num_expected is None else num_expected - len(kept_back),
        tuple(kept_back.values()),
    )


def describe_unfinished(num_predicted: int, num_expected: int | None) -> str:
    """Return how much of a run is there when that is not all of it, else "".

    Example:
        >>> describe_unfinished(60, 96)
        '60 of 96 samples predicted'
    """
    if num_expected is None or num_predicted >= num_expected:
        return ""
    return f"{num_predicted:,} of {num_expected:,} samples predicted"


def errors_of(meta: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the names of the form errors in a sample's ``meta["errors"]``, or None where it says nothing.

    Understood: a list of names, a list of objects with a ``name``, ``error``, ``type`` or ``label``,
    one name, and an empty list for correct form.
    """
    value = meta.get("errors")
    if value is None:
        return None
    entries = [value] if isinstance(value, str | Mapping) else list(value)
    names = [_error_name(entry) for entry in entries]
    return tuple(sorted({name for name in names if name and name != "none"}))


def _error_name(entry: Any) -> str:
    if isinstance(entry, Mapping):
        entry = next((entry[key] for key in ("name", "error", "type", "label") if key in entry), "")
    return str(entry).strip()


def _kept_back(predictions: Collection[Prediction]) -> dict[str, Prediction]:
    """Return those of which only other answers are published; none where no answer is known at all."""
    found = {one.sample_id: one for one in predictions if not one.answer and one.meta.get("answer_kept_back") is True}
    return found if any(one.answer for one in predictions) else {}


def _find_file(source: Path) -> Path:
    run = RunDirectory(source)
    candidates = [run.predictions, run.predictions_compat] if source.is_dir() else [source]
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        names = " and no ".join(path.name for path in candidates) if source.is_dir() else "file"
        raise DataInvalid(
            f"{source} has no {names}." if source.is_dir() else f"{source} does not exist.",
            "Give a run directory, a predictions.jsonl or a test_predictions.json.",
        )
    return found


def _read_num_expected(path: Path) -> int | None:
    """Return what the run around a predictions file was asked for, as prediction notes it in its environment."""
    run = RunDirectory(path.parent)
    if path not in (run.predictions, run.predictions_compat) or not run.environment.is_file():
        return None
    environment = read_json(run.environment)
    found = environment.get("num_expected") if isinstance(environment, Mapping) else None
    return found if isinstance(found, int) else None


def _read_lines(path: Path) -> list[tuple[str, Any]]:
    text = path.read_bytes()
    if b'"crc32":' in text.split(b"\n", 1)[0]:
        return [(f"record {number}", record) for number, record in enumerate(RecordLog(path).read(), start=1)]
    # Written by hand or by another tool: plain JSON Lines, no checksums to hold it to.
    records, findings = [], []
    for number, line in enumerate(text.decode("utf-8-sig", errors="replace").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            records.append((f"line {number}", json.loads(line, parse_constant=_refuse_constant)))
        except ValueError as exc:
            findings.append(f"line {number}: not JSON: {exc}")
    if findings:
        raise DataInvalid(
            f"{path} has {counted(len(findings), 'problem')}.", "Mend the file.", findings[:_MAX_FINDINGS]
        )
    return records


def _read_json_list(path: Path) -> list[tuple[str, Any]]:
    value = read_json(path)
    if isinstance(value, Mapping):
        value = value.get("predictions", value.get("results"))
    if not isinstance(value, list):
        raise DataInvalid(f"{path} is not a list of predictions.", "Give the test_predictions.json itself.")
    return [(f"entry {number}", record) for number, record in enumerate(value, start=1)]


def _check(place: str, record: Any) -> list[str]:
    if not isinstance(record, Mapping):
        return [f"{place}: expected an object, found {type(record).__name__}"]
    found = []
    if not any(isinstance(record.get(key), str) for key in ("sample_id", "video_path")):
        found.append(f"{place}: neither a sample_id nor a video_path that is a string")
    if not any(key in record and isinstance(record[key], str | None) for key in ("answer", "ground_truth")):
        found.append(f"{place}: neither an answer nor a ground_truth that is a string, or null where none is known")
    if record.get("status", "ok") not in ("ok", "success", "error"):
        found.append(f"{place}: status is {record['status']!r}, expected 'ok', 'success' or 'error'")
    if not isinstance(record.get("prediction"), str | None):
        found.append(f"{place}: prediction is a {type(record['prediction']).__name__}, expected a string or null")
    return found


def _parse_record(record: Mapping[str, Any]) -> Prediction:
    if "sample_id" not in record:
        return _parse_compat(record)
    is_ok = record.get("status", "ok") != "error" and record.get("prediction") is not None
    error = record.get("error") or {}
    return Prediction(
        sample_id=record["sample_id"],
        answer=record.get("answer") or record.get("ground_truth") or "",
        text=record["prediction"] if is_ok else None,
        error_code=None if is_ok else str(error.get("code", "unknown") if isinstance(error, Mapping) else "unknown"),
        question=record.get("question") or "",
        video=record.get("video") or "",
        subject=record.get("subject"),
        label=record.get("label"),
        errors=errors_of(record.get("meta") or {}),
        meta=record.get("meta") or {},
        record=record,
    )


def _parse_compat(record: Mapping[str, Any]) -> Prediction:
    """Parse an entry of either published shape: with or without ``status``, ``prompt`` or ``question``."""
    video = str(record["video_path"])
    is_ok = record.get("status", "success") != "error" and record.get("prediction") is not None
    seconds, num_tokens = record.get("generation_time"), record.get("generated_tokens")
    extra = {"timings_s": {"generate": seconds}} if isinstance(seconds, int | float) else {}
    parent = PurePosixPath(video).parent.name
    return Prediction(
        sample_id=video,
        answer=record.get("ground_truth") or record.get("answer") or "",
        text=record["prediction"] if is_ok else None,
        error_code=None if is_ok else _compat_error_code(record.get("error")),
        question=record.get("prompt") or record.get("question") or "",
        video=video,
        subject=record.get("subject"),
        label=record.get("label") or (parent if parent not in ("", ".", "videos", "dataset") else None),
        errors=errors_of(record.get("meta") or {}),
        meta=record.get("meta") or {},
        record={**record, **extra, "num_new_tokens": num_tokens},
    )


def _compat_error_code(error: Any) -> str:
    """Return the code that vidtune writes before the message ("video_missing: ..."); others write none."""
    code, found, _ = str(error or "").partition(":")
    return code if found and code.isidentifier() and code.islower() else "unknown"


def _number_repeats(predictions: Sequence[Prediction]) -> list[Prediction]:
    """Tell apart the questions about one video: the old files have no ids."""
    from dataclasses import replace

    total = Counter(prediction.sample_id for prediction in predictions)
    seen: Counter[str] = Counter()
    numbered = []
    for prediction in predictions:
        seen[prediction.sample_id] += 1
        is_repeated = total[prediction.sample_id] > 1
        sample_id = f"{prediction.sample_id}#{seen[prediction.sample_id]}" if is_repeated else prediction.sample_id
        numbered.append(replace(prediction, sample_id=sample_id))
    return numbered


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
