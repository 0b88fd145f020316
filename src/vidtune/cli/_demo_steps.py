"""The steps of the demo: each is a command a user could give, and each resumes by itself."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vidtune.cli._processes import run_in_processes
from vidtune.cli._train import train_arguments
from vidtune.core.durable import read_json, write_json
from vidtune.core.environment import num_usable_cores
from vidtune.core.errors import DataInvalid
from vidtune.core.progress import Progress
from vidtune.core.rundir import RunDirectory

PROMPT = (
    "Please evaluate the exercise form shown. What mistakes, if any, are present, "
    "and what corrections would you recommend?"
)
_MAX_NEW_TOKENS = 64
_NUM_SUBJECTS = 60
_CORRECT_SHARE = 0.2
"""As many clips without a fault as with each of the four to six of an exercise: only saying "well done" pays little."""
_NUM_EPOCHS = 10
"""Of the recipe's 14: what fits into five minutes on two cores. Form errors take the rest."""


@dataclass(frozen=True)
class DemoSummary:
    """What the demo measured and where it lies."""

    folder: Path
    num_train: int
    num_test: int
    metrics: dict[str, Any]
    """Per metric: base, tuned, difference with its 95 % interval, blind prior."""
    real_clip: dict[str, str] | None
    stages_s: dict[str, float] = field(default_factory=dict)

    def to_record(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return {**asdict(self), "folder": str(self.folder)}

    def to_text(self) -> str:
        """Return the summary for people."""
        lines = [
            f"nano tuned on {self.num_train} clips, asked about {self.num_test} clips of people it has never seen.",
            "",
            f"{'':40}{'base':>7}{'tuned':>8}   difference (95 % interval)   blind prior",
        ]
        for row in self.metrics.values():
            # All people gaining exactly the same leaves nothing to estimate an interval from.
            bounds = "no interval" if row["ci_low"] is None else f"{row['ci_low']:+.3f} to {row['ci_high']:+.3f}"
            interval = f"{row['difference']:+.3f} ({bounds})"
            blind = f"{row['blind_prior']:.3f}" if row["blind_prior"] is not None else "-"
            lines.append(f"{row['label']:40}{row['base']:7.3f}{row['tuned']:8.3f}   {interval:26}   {blind:>11}")
        lines += [
            "",
            *self._real_clip_lines(),
            "",
            "Generated clips: this shows that the machinery works, not how real patients would fare.",
        ]
        lines += ["", f"Page      {self.folder / 'runs/tuned/report.html'}"]
        lines += [f"Workbook  {self.folder / 'runs/tuned/report.xlsx'}"]
        lines += ["", "Time      " + ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.stages_s.items())]
        lines += [f"Total     {sum(self.stages_s.values()):.0f} s"]
        return "\n".join(lines)

    def _real_clip_lines(self) -> list[str]:
        if self.real_clip is None:
            return ["No real clip is installed (`make demo` fetches one); that step was left out."]
        return [
            "A real clip, out of domain (nano has seen only generated people; expect no sense from it):",
            f"  {self.real_clip['video']}: {self.real_clip['answer']!r}",
        ]


def run_demo(folder: Path, *, num_clips: int, overrides: Sequence[str] = (), progress: Progress) -> DemoSummary:
    """Run every step that is not done yet and return what came out."""
    stages_s = _read_stages(folder)
    pack = folder / "physio"
    runs = {name: RunDirectory(folder / "runs" / name) for name in ("base", "training", "tuned")}

    with _timed(folder, stages_s, "render"):
        _render(pack, num_clips, progress)
    with _timed(folder, stages_s, "check"):
        _check(pack, progress)
    with _timed(folder, stages_s, "predict base"):
        _predict("nano", pack, runs["base"], progress)
    with _timed(folder, stages_s, "train"):
        _train(pack, runs["training"], overrides, progress)
    with _timed(folder, stages_s, "predict tuned"):
        _predict(str(runs["training"].path), pack, runs["tuned"], progress)
    with _timed(folder, stages_s, "score and report"):
        from vidtune.cli._evaluate import score_and_report
        from vidtune.evaluation import EvaluateConfig

        score_and_report(runs["base"], EvaluateConfig(), progress=progress)
        score_and_report(runs["tuned"], EvaluateConfig(), baseline=runs["base"], progress=progress)
    with _timed(folder, stages_s, "real clip"):
        real_clip = _try_real_clip(runs["training"])
    return _summarise(folder, pack, runs["tuned"], real_clip, stages_s)


def _render(pack: Path, num_clips: int, progress: Progress) -> None:
    from vidtune.config import build_config
    from vidtune.packs import packs

    physio = packs.get("physio")
    values = {
        "num_clips": num_clips,
        "num_subjects": _NUM_SUBJECTS,
        "val_share": 0.1,
        "test_share": 0.2,
        "correct_share": _CORRECT_SHARE,
    }
    physio.synthesize(pack, build_config(physio.config_class, values, source="the demo"), progress)


def _check(pack: Path, progress: Progress) -> None:
    from vidtune.data import check_dataset, read_dataset

    datasets = [read_dataset(pack / f"qved_{split}.json") for split in ("train", "val", "test")]
    for dataset in datasets:
        report = check_dataset(dataset, pack, progress=progress)
        errors = [finding.message for finding in report.findings if finding.level == "error"]
        if errors:
            raise DataInvalid(f"{dataset.path} does not hold.", "Delete the folder and run the demo again.", errors)


def _predict(model: str, pack: Path, run: RunDirectory, progress: Progress) -> None:
    from vidtune.config import build_config
    from vidtune.inference import PredictConfig, predict_dataset

    values = {
        "model": {"source": model},
        "data": {"path": str(pack / "qved_test.json"), "videos": str(pack)},
        "generation": {"max_new_tokens": _MAX_NEW_TOKENS},
    }
    predict_dataset(build_config(PredictConfig, values, source="the demo"), run, progress=progress)


def _train(pack: Path, run: RunDirectory, overrides: Sequence[str], progress: Progress) -> None:
    recipe = Path(__file__).with_name("demo_recipe.yaml")
    paths = [
        f"data.path={pack / 'qved_train.json'}",
        f"data.videos={pack}",
        f"eval_data.path={pack / 'qved_val.json'}",
        f"eval_data.videos={pack}",
        f"loop.epochs={_NUM_EPOCHS}",
        f"evaluation.every_epochs={_NUM_EPOCHS}",
    ]
    if num_usable_cores() > 1:
        # A small model gains little from a second thread and much from a second process.
        run_in_processes(train_arguments(recipe, run.path, [*paths, *overrides]), 2, prints_result=False)
        return
    from vidtune.cli._evaluator import GeneratedMetrics
    from vidtune.config import load_recipe
    from vidtune.training import TrainConfig, train

    evaluator = GeneratedMetrics(progress)
    train(load_recipe(TrainConfig, recipe, [*paths, *overrides]), run, evaluator=evaluator, progress=progress)


def _try_real_clip(training: RunDirectory) -> dict[str, str] | None:
    """Ask the tuned model about the example video inside the sports2d package, if that is installed."""
    package = importlib.util.find_spec("Sports2D")
    if package is None or not package.submodule_search_locations:
        return None
    clip = Path(package.submodule_search_locations[0]) / "Demo" / "demo.mp4"
    from vidtune.inference import get_video_inference, load_model

    model, processor = load_model(str(training.path))
    answer, _ = get_video_inference(
        model=model, processor=processor, video_path=clip, prompt=PROMPT, max_new_tokens=_MAX_NEW_TOKENS
    )
    return {"video": f"sports2d {clip.name}", "answer": answer}


def _summarise(
    folder: Path, pack: Path, tuned: RunDirectory, real_clip: dict[str, str] | None, stages_s: dict[str, float]
) -> DemoSummary:
    scores = read_json(tuned.metrics)
    pairs = read_json(tuned.comparison)["metrics"]
    metrics = {}
    for name, row in scores["metrics"].items():
        if name not in pairs:
            continue
        blind = row["baselines"].get("blind_prior")
        metrics[name] = {
            "label": row["label"],
            "base": pairs[name]["a_mean"],
            "tuned": pairs[name]["b_mean"],
            "difference": pairs[name]["difference"],
            "ci_low": pairs[name]["ci_low"],
            "ci_high": pairs[name]["ci_high"],
            "blind_prior": blind["mean"] if blind else None,
        }
    num_train = len(read_json(pack / "qved_train.json"))
    return DemoSummary(folder, num_train, scores["num_samples"], metrics, real_clip, stages_s)


def _read_stages(folder: Path) -> dict[str, float]:
    path = folder / "stages.json"
    return dict(read_json(path)) if path.exists() else {}


@contextmanager
def _timed(folder: Path, stages_s: dict[str, float], name: str) -> Iterator[None]:
    """Add the time of a stage to what earlier, killed attempts spent on it."""
    began_s = time.monotonic()
    try:
        yield
    finally:
        # A stage that was finished before only looks at its files again; what counts is the work.
        stages_s[name] = stages_s.get(name, 0.0) + time.monotonic() - began_s
        write_json(folder / "stages.json", stages_s)
