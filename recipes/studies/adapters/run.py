"""Run the study of adapters, or go on where it stopped, and write its table.

    python recipes/studies/adapters/run.py [STUDY.yaml] [--out runs/studies/adapters] [--plan | --cost] [--only ARM ...]

Training, predicting and drawing are the commands of vidtune, each in a process of its own, and each continues by itself
when it was killed. A run that is finished is not touched again. The table is written after every run, of what is there.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import cost
import table
from plan import Run, Study, all_runs

from vidtune.config import load_recipe
from vidtune.core.durable import read_json, write_json
from vidtune.core.hashing import hash_json
from vidtune.core.rundir import RunDirectory
from vidtune.evaluation import EvaluateConfig, score_predictions
from vidtune.packs.physio import write_timing_questions

TASKS = {"form": "qved_test.json", "time": "timing_test.json"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", nargs="?", type=Path, default=Path(__file__).with_name("study.yaml"))
    parser.add_argument("--out", type=Path, default=Path("runs/studies/adapters"))
    parser.add_argument("--plan", action="store_true", help="say what would be run and how long it takes, and stop")
    parser.add_argument("--cost", action="store_true", help="measure what a step of each arm costs by turns, and stop")
    parser.add_argument("--only", nargs="+", metavar="ARM", default=None, help="run these arms alone")
    arguments = parser.parse_args()
    study = load_recipe(Study, arguments.study)
    unknown = sorted({*(arguments.only or ())} - {*study.arms})
    if unknown:
        parser.error(f"no arm {', '.join(unknown)}; known: {', '.join(study.arms)}")
    runs = [run for run in all_runs(study, arguments.out) if arguments.only is None or run.name in arguments.only]
    tell_plan(study, runs)
    if arguments.plan:
        return
    pack = make_pack(study, arguments.out)
    if arguments.cost:
        cost.measure(study, dict.fromkeys(run.name for run in runs), pack, arguments.out)
        print(table.write(study, arguments.out))
        return
    for number, run in enumerate(runs, start=1):
        began_s = time.monotonic()
        if is_done(run):
            continue
        train(study, run, pack)
        for task in TASKS:
            ask(study, run, task, pack)
        print(
            f"{number} of {len(runs)}: {run.name}, seed {run.seed}, {(time.monotonic() - began_s) / 60:.1f} min",
            flush=True,
        )
        table.write(study, arguments.out)
    print(table.write(study, arguments.out))


def tell_plan(study: Study, runs: list[Run]) -> None:
    num_left = sum(not is_done(run) for run in runs)
    minutes = study.minutes_a_run()
    print(
        f"{len(study.arms)} arms, seeds {', '.join(map(str, study.seeds))}: {len(runs)} runs, {num_left} left, about "
        f"{minutes:.0f} min each with {study.nproc} process(es) on as many idle cores: about "
        f"{num_left * minutes / 60:.1f} h (extrapolated from the demo's benchmark, not measured)",
        flush=True,
    )


def make_pack(study: Study, out: Path) -> Path:
    """Draw the clips, and put the questions of both tasks into one file for training and one to measure on."""
    pack = out / "pack"
    settings = study.pack.model_dump(mode="json", exclude_defaults=True)
    overrides = [f"--set={key}={value}" for key, value in settings.items() if key != "exercises"]
    if "exercises" in settings:
        overrides.append(f"--set=exercises=[{', '.join(settings['exercises'])}]")
    if not (pack / "pack.json").exists():
        vidtune("data", "synth", "physio", "--out", str(pack), *overrides)
    if read_json(pack / "pack.json")["config_sha256"] != hash_json(
        study.pack.model_dump(mode="json", exclude={"workers"})
    ):
        sys.exit(f"{pack} was drawn with other settings: use another --out.")
    write_timing_questions(pack)
    for split in ("train", "val"):
        both = [*read_json(pack / f"qved_{split}.json"), *read_json(pack / f"timing_{split}.json")]
        write_json(pack / f"study_{split}.json", both)
    return pack


def is_done(run: Run) -> bool:
    return all(run.asked(task).predictions_compat.exists() for task in TASKS) and run.asked("form").metrics.exists()


def train(study: Study, run: Run, pack: Path) -> None:
    if run.training.best.exists():
        return
    arm = study.arms[run.name]
    settings = [
        f"data.path={pack / 'study_train.json'}",
        f"data.videos={pack}",
        f"eval_data.path={pack / 'study_val.json'}",
        f"eval_data.videos={pack}",
        *study.shared,
        *arm.set,
        f"seed={run.seed}",
        *([f"{arm.seed_also}={run.seed + 1}"] if arm.seed_also else []),
    ]
    overrides = [f"--set={setting}" for setting in settings]
    vidtune("train", str(arm.path), "--out", str(run.training.path), "--nproc", str(study.nproc), *overrides)


def ask(study: Study, run: Run, task: str, pack: Path) -> None:
    asked = run.asked(task)
    if not asked.predictions_compat.exists():
        vidtune(
            *("predict", "--model", str(run.training.path), "--data", str(pack / TASKS[task]), "--videos", str(pack)),
            *("--out", str(asked.path), "--num-frames", str(study.num_frames)),
            *("--max-new-tokens", str(study.max_new_tokens)),
        )
    if task == "form":
        score_form(asked, pack)


def score_form(asked: RunDirectory, pack: Path) -> None:
    score_predictions(asked.path, EvaluateConfig(with_bert=False, reference=pack / "qved_train.json"))


def vidtune(*arguments: str) -> None:
    """Run a command of vidtune, and end with its status when it fails."""
    done = subprocess.run([sys.executable, "-m", "vidtune", *arguments], stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(done.returncode)


if __name__ == "__main__":
    main()
