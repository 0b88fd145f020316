"""The layout of a run directory: the one place that knows its file names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunDirectory:
    """Names of what a run leaves behind. Knows paths only; reads and writes nothing."""

    path: Path

    @property
    def name(self) -> str:
        """The folder's own name, used as the run's name in reports."""
        return self.path.resolve().name

    @property
    def recipe(self) -> Path:
        """The resolved recipe, with its hash."""
        return self.path / "recipe.yaml"

    @property
    def environment(self) -> Path:
        """Versions, devices and platform of the process that began the run."""
        return self.path / "environment.json"

    @property
    def checkpoints(self) -> Path:
        """Folder of training checkpoints."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """Folder of the best adapter or model of a training run."""
        return self.path / "best"

    @property
    def training_log(self) -> Path:
        """Append-only record of losses and evaluations."""
        return self.path / "training.jsonl"

    @property
    def tensorboard(self) -> Path:
        """Folder of TensorBoard event files."""
        return self.path / "tensorboard"

    @property
    def supervision(self) -> Path:
        """What the supervision audit found, as text for people."""
        return self.path / "supervision.txt"

    @property
    def predictions(self) -> Path:
        """Append-only, one checksummed record a sample."""
        return self.path / "predictions.jsonl"

    @property
    def predictions_compat(self) -> Path:
        """The same predictions in the layout of the QVED pipeline."""
        return self.path / "test_predictions.json"

    @property
    def strips(self) -> Path:
        """Folder of small pictures of exactly the frames the model saw."""
        return self.path / "strips"

    @property
    def gates(self) -> Path:
        """Which ranks an adapter with gates used for each clip; only such a model leaves it."""
        return self.path / "gates.jsonl"

    @property
    def figures(self) -> Path:
        """Folder of pictures."""
        return self.path / "figures"

    @property
    def scores(self) -> Path:
        """One record of scores a sample."""
        return self.path / "scores.jsonl"

    @property
    def metrics(self) -> Path:
        """Aggregated scores, intervals, trust checks and verdict."""
        return self.path / "metrics.json"

    @property
    def probes(self) -> Path:
        """Folder of probes: what the answers depend on, as ``<probe>.json``, with the predictions in ``<probe>/``."""
        return self.path / "probes"

    def probe(self, name: str) -> Path:
        """Return the file with the result of one probe."""
        return self.probes / f"{name}.json"

    @property
    def leakage(self) -> Path:
        """Folder of what was seen of evaluated and training clips when they were compared."""
        return self.path / "leakage"

    @property
    def judge(self) -> Path:
        """Folder of what judges said: replies and a summary for each rubric and judge."""
        return self.path / "judge"

    @property
    def comparison(self) -> Path:
        """Paired comparison with a baseline run."""
        return self.path / "comparison.json"

    @property
    def report_xlsx(self) -> Path:
        """The workbook."""
        return self.path / "report.xlsx"

    @property
    def report_xlsx_compat(self) -> Path:
        """The same workbook under the name that the QVED pipeline gave it."""
        return self.path / "test_evaluation_report.xlsx"

    @property
    def report_html(self) -> Path:
        """The page: one offline file."""
        return self.path / "report.html"
