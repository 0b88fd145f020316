import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import vidtune.cli
from vidtune.core.durable import RecordLog

DEMO_RECIPE = Path(vidtune.cli.__file__).with_name("demo_recipe.yaml")
NAMED_RECIPE = Path(__file__).parents[2] / "recipes" / "physio" / "nano-lora.yaml"


FEW_STEPS = {
    "loop.epochs": "null",
    "loop.max_steps": 6,
    "evaluation.every_epochs": "null",
    "evaluation.every_steps": 6,
    "evaluation.limit": 4,
    "evaluation.max_new_tokens": 8,
    "save.every_steps": 2,
}
"""What is learned is not tested here."""


def start_demo(folder, num_cores=None):
    """Start the program; with one core it trains within its own process."""
    cores = sorted(os.sched_getaffinity(0))[:num_cores]
    return subprocess.Popen(
        [sys.executable, "-m", "vidtune", "demo", "--json", "--clips", "140", "--out", str(folder)]
        + [part for name, value in FEW_STEPS.items() for part in ("--set", f"{name}={value}")],
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for(condition, child, seconds=400):
    deadline_s = time.monotonic() + seconds
    while not condition():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def num_steps(folder):
    log = folder / "runs" / "training" / "training.jsonl"
    return len(RecordLog(log).read()) if log.exists() else 0


def test_the_demo_trains_by_the_recipe_that_carries_its_name():
    assert yaml.safe_load(DEMO_RECIPE.read_text()) == yaml.safe_load(NAMED_RECIPE.read_text())


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_demo_killed_in_every_stage_continues_and_ends_with_both_reports(tmp_path):
    """Real kills of the real program: while rendering, while predicting, while training."""
    folder = tmp_path / "demo"
    moments = [
        lambda: len(list((folder / "physio").rglob("*.mp4"))) >= 20,
        lambda: (folder / "runs" / "base" / "predictions.jsonl").exists(),
        lambda: num_steps(folder) >= 3,
    ]
    for moment in moments:
        child = start_demo(folder)
        wait_for(moment, child)
        child.kill()
        child.communicate()
        assert child.returncode == -signal.SIGKILL

    child = start_demo(folder)
    stdout, stderr = child.communicate()

    assert child.returncode == 0, stderr
    summary = json.loads(stdout)
    assert {"exercise_identification", "feedback_error", "bert_similarity", "meteor", "rouge_l"} <= set(
        summary["metrics"]
    )
    for run in ("base", "tuned"):
        ids = [record["sample_id"] for record in RecordLog(folder / "runs" / run / "predictions.jsonl").read()]
        assert len(ids) == len(set(ids)) == summary["num_test"]
    assert (folder / "runs" / "tuned" / "report.html").stat().st_size > 10_000
    assert (folder / "runs" / "tuned" / "test_evaluation_report.xlsx").stat().st_size > 5_000

    again = start_demo(folder, num_cores=1)
    stdout, stderr = again.communicate()
    assert again.returncode == 0, stderr
    assert json.loads(stdout)["metrics"] == summary["metrics"]
