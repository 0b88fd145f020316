"""A run directory read once, for all reports: records, scores, metrics and what they are compared with."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidtune.core.durable import RecordLog, read_json
from vidtune.core.errors import BadData, DataInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.reports._cells import interval_title
from vidtune.reports._missing import describe_unfinished, find_missing, metrics_of_stopped, num_expected
from vidtune.reports._records import Record, read_records

_SCHEMA = 1
_CONFIDENCE = 0.95
"""Of intervals, where nothing says another."""


class NotScored(BadData):
    """A report was asked of a run that has no scores yet."""

    code = "not_scored"


@dataclass(frozen=True)
class Row:
    """One sample as the reports show it."""

    number: int
    """Position among the predictions, from 1."""

    record: Record
    scores: Mapping[str, Any]
    base: Record | None
    """The baseline's record of the same sample; None without a baseline or when it was not asked."""

    @property
    def is_ok(self) -> bool:
        """Whether the sample was answered."""
        return bool(self.record["is_ok"])

    @property
    def shown_video(self) -> str:
        """The clip that was shown: the sample's own, unless the run was asked with another one in its place."""
        return str(self.record["shown_video"] or self.record["video"])

    @property
    def sound_file(self) -> str:
        """The sound file that was heard, as the data name it; nothing where none was, or another sample's was."""
        is_own = self.record["sound"] and not self.record["heard_sample"] and self.record["condition"] != "silence"
        return str(self.record["audio"]) if is_own else ""

    @property
    def error_text(self) -> str:
        """The named error of a failed sample in one line; nothing when it was answered."""
        return "" if self.is_ok else _one_line(self.record["error"])

    @property
    def base_text(self) -> str:
        """What the baseline answered, or in brackets why there is no answer."""
        if self.base is None:
            return "(not asked)"
        if not self.base["is_ok"]:
            return f"(failed: {self.base['error']['code']})"
        return self.base["prediction"] or "(empty answer)"


@dataclass(frozen=True)
class Failure:
    """All samples that failed for one reason."""

    code: str
    rows: tuple[Row, ...]

    @property
    def problem(self) -> str:
        """What happened to the first of them."""
        return str(self.rows[0].record["error"]["problem"])

    @property
    def remedies(self) -> tuple[str, ...]:
        """What to do about them, each advice once."""
        return tuple(dict.fromkeys(row.record["error"]["remedy"] for row in self.rows if row.record["error"]["remedy"]))


@dataclass(frozen=True)
class Baseline:
    """The untuned model's run over the same samples."""

    name: str
    metrics: Mapping[str, Any]
    """Its metrics.json; empty when it was not scored."""

    scores: Mapping[str, Mapping[str, Any]]
    """Its score records by sample id."""


@dataclass(frozen=True)
class RunView:
    """Everything a report says, read from the run directory alone."""

    run: RunDirectory
    rows: tuple[Row, ...]
    metrics: Mapping[str, Any]
    comparison: Mapping[str, Any] | None
    baseline: Baseline | None
    recipe_text: str
    environment: Mapping[str, Any]
    missing: tuple[str, ...]
    """What should be there and is not, in sentences for the first screen."""

    @property
    def summaries(self) -> Mapping[str, Mapping[str, Any]]:
        """Every metric by name."""
        summaries: Mapping[str, Mapping[str, Any]] = self.metrics["metrics"]
        return summaries

    @property
    def text_scores(self) -> Mapping[str, Mapping[str, Any]]:
        """Metrics with a graded value for each sample, by name; not the right-or-wrong ones."""
        return {name: summary for name, summary in self.summaries.items() if summary["kind"] == "score"}

    @property
    def baseline_name(self) -> str | None:
        """Name of the run compared with: given, or named by a comparison that lies in the run."""
        if self.baseline is not None:
            return self.baseline.name
        return str(self.comparison["a"]) if self.comparison else None

    @property
    def interval_title(self) -> str:
        """What the intervals of this run are called, by the confidence that it was scored with."""
        return _interval_title(self.summaries)

    @property
    def comparison_interval_title(self) -> str:
        """What the intervals of the comparison are called."""
        return _interval_title(self.comparison["metrics"] if self.comparison else {})

    @property
    def blocks(self) -> Mapping[str, Mapping[str, Any]]:
        """Results by class: ``exercise`` and whatever else was classified; each with per_class and confusion."""
        found: dict[str, Mapping[str, Any]] = dict(self.metrics.get("classification") or {})
        if "exercise" not in found and self.metrics.get("per_class"):
            exercise = {"per_class": self.metrics["per_class"], "confusion": self.metrics.get("confusion")}
            found = {"exercise": exercise, **found}
        return found

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Failed samples grouped by cause, most frequent first."""
        by_code: dict[str, list[Row]] = {}
        for row in self.rows:
            if not row.is_ok:
                by_code.setdefault(row.record["error"]["code"], []).append(row)
        ordered = sorted(by_code.items(), key=lambda item: -len(item[1]))
        return tuple(Failure(code, tuple(rows)) for code, rows in ordered)

    @property
    def num_expected(self) -> int | None:
        """Samples that the prediction run was asked for; None where nothing says it."""
        return num_expected(self.environment)

    @property
    def unfinished(self) -> str:
        """How much of the run is here when that is not all of it, as "60 of 96 samples predicted"; else empty."""
        return describe_unfinished(len(self.rows), self.num_expected)

    def pair(self, name: str) -> Mapping[str, Any] | None:
        """Return the paired comparison of one metric, when there is one."""
        return self.comparison["metrics"].get(name) if self.comparison else None


def read_run(run: RunDirectory, baseline: RunDirectory | None = None, *, unscored: bool = False) -> RunView:
    """Read a scored run. One whose scoring was stopped after its scores were written is read, without any mean.

    Args:
        run: The run directory.
        baseline: Run of the untuned model over the same samples.
        unscored: Read a run that has predictions and no scores too.

    Raises:
        NotScored: If the run has no scores, or with ``unscored`` no predictions either.
        DataInvalid: If its metrics are of a schema this version does not know.
        RunCorrupt: If a record file is damaged.
    """
    if run.metrics.exists():
        metrics = read_json(run.metrics)
    elif run.predictions.exists() and (unscored or run.scores.exists()):
        metrics = metrics_of_stopped(run)
    else:
        raise NotScored(f"{run.path} has no {run.metrics.name}.", f"Run `vidtune evaluate {run.path}` first.")
    found = metrics.get("schema") if isinstance(metrics, dict) else None
    if found != _SCHEMA:
        raise DataInvalid(
            f"{run.metrics} has schema {found!r}, expected {_SCHEMA}.", f"Run `vidtune evaluate {run.path}` again."
        )
    predictions = run.path / metrics.get("predictions", run.predictions.name)
    if not predictions.exists():
        raise DataInvalid(
            f"{run.metrics} is about {predictions.name}, which is not beside it.",
            "Restore the file; reports are made from it.",
        )
    scores = _by_id(RecordLog(run.scores).read())
    base_records = _read_baseline_records(baseline) if baseline else {}
    rows = tuple(
        Row(number, record, scores.get(record["sample_id"], {}), base_records.get(record["sample_id"]))
        for number, record in enumerate(read_records(predictions), start=1)
    )
    known = _read_baseline(baseline) if baseline else None
    # Without means there is nothing that a comparison could still be about.
    comparison = read_json(run.comparison) if run.comparison.exists() and run.metrics.exists() else None
    environment = read_json(run.environment) if run.environment.exists() else {}
    missing = find_missing(run, predictions, metrics, environment, [row.scores for row in rows])
    if comparison is not None and known is not None and not _belongs(comparison, rows, known, metrics):
        comparison = None
        missing.append(
            f"The comparison with {known.name} was made from other scores and is left out: "
            f"run `vidtune compare {known.name} {run.name}` again."
        )
    return RunView(
        run=run,
        rows=rows,
        metrics=metrics,
        comparison=comparison,
        baseline=known,
        recipe_text=run.recipe.read_text(encoding="utf-8", errors="replace") if run.recipe.exists() else "",
        environment=environment,
        missing=tuple(missing),
    )


def _interval_title(rows: Mapping[str, Mapping[str, Any]]) -> str:
    return interval_title(next((row["confidence"] for row in rows.values() if "confidence" in row), _CONFIDENCE))


def _by_id(records: Sequence[Record]) -> dict[str, Record]:
    return {str(record["sample_id"]): record for record in records}


def _one_line(error: Mapping[str, str]) -> str:
    return f"{error['code']}: {error['problem']} {error['remedy']}".strip()


def _read_baseline(baseline: RunDirectory) -> Baseline:
    metrics = read_json(baseline.metrics) if baseline.metrics.exists() else {}
    return Baseline(baseline.name, metrics, _by_id(RecordLog(baseline.scores).read()))


def _read_baseline_records(baseline: RunDirectory) -> Mapping[str, Record]:
    metrics = read_json(baseline.metrics) if baseline.metrics.exists() else {}
    path = baseline.path / metrics.get("predictions", baseline.predictions.name)
    if not path.exists():
        raise DataInvalid(
            f"the baseline {baseline.path} has no {path.name}.", "Name the run directory of the base model."
        )
    return _by_id(read_records(path))


def _belongs(
    comparison: Mapping[str, Any], rows: Sequence[Row], baseline: Baseline, metrics: Mapping[str, Any]
) -> bool:
    """Whether the comparison's means are those of the scores as they are now."""
    for name, pair in comparison["metrics"].items():
        summary = metrics["metrics"].get(name)
        if summary is None:
            return False
        field = summary["field"]
        pairs = []
        for row in rows:
            ours, theirs = row.scores.get(field), baseline.scores.get(row.record["sample_id"], {}).get(field)
            if ours is not None and theirs is not None:
                pairs.append((float(theirs), float(ours)))
        if len(pairs) != pair["num_pairs"]:
            return False
        for values, mean in zip(zip(*pairs, strict=True), (pair["a_mean"], pair["b_mean"]), strict=True):
            if abs(statistics.fmean(values) - mean) > 1e-9:
                return False
    return True
