"""What ``vidtune evaluate`` does beside scoring, where it is asked to: ensembles, judges, calibrated confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vidtune.cli._ensembling import Combining, ensemble_options, read_combining
from vidtune.cli._judging import Judges, judge_options, read_judges
from vidtune.cli._shell import CommandT
from vidtune.core.progress import Progress


def beside_options(command: CommandT) -> CommandT:
    """Add the options of all of it."""
    return judge_options(ensemble_options(command))


class BesideScores:
    """What was asked for, checked before anything is scored.

    Args:
        options: The values of ``beside_options``.
        sources: The runs that were named.
        baseline: The run to compare with, where there is one.

    Raises:
        UsageError, ConfigInvalid: If options do not fit each other.
    """

    def __init__(self, options: Mapping[str, Any], sources: Sequence[str], baseline: str | None) -> None:
        self._judges: Judges = read_judges(options)
        self._combining: Combining = read_combining(options, len(sources))
        self._baseline = Path(baseline) if baseline else None
        self._texts: dict[str, list[str]] = {}
        self._records: dict[str, dict[str, Any]] = {}

    def combine(self, sources: Sequence[str]) -> list[str]:
        """Return the runs to score: those that were named, or the one that they were made into."""
        scored, text = self._combining.combine(sources)
        if text:
            self._texts.setdefault(scored[0], []).append(text)
        return scored

    def before(self, source: str, progress: Progress) -> None:
        """Have a run judged, so that its reports can show it."""
        for judging in self._judges.judge(Path(source), self._baseline, progress):
            self._texts.setdefault(source, []).append(judging.to_text())
            self._records.setdefault(source, {}).setdefault("judged", []).append(judging.to_record())

    def after(self, source: str) -> None:
        """Calibrate the confidence of a run that is scored."""
        from vidtune.evaluation import confidence_text

        summary = self._combining.calibrate(Path(source))
        if summary is not None:
            self._texts.setdefault(source, []).append(confidence_text(summary))
            self._records.setdefault(source, {})["confidence"] = summary

    def text(self, source: str, scores: str) -> str:
        """Return what is printed of a run."""
        return "\n\n".join([f"{source}\n{scores}", *self._texts.get(source, ())])

    def record(self, source: str, scores: dict[str, Any]) -> dict[str, Any]:
        """Return what is printed of a run with ``--json``."""
        return {**scores, **self._records.get(source, {})}
