"""The study of adapters: what it plans, what its table says, and the whole of it at a tiny size."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.models.tiny import make_tiny_folder

from vidtune.config import load_recipe
from vidtune.core.errors import ConfigInvalid
from vidtune.training import TrainConfig

FOLDER = Path(__file__).parents[2] / "recipes" / "studies" / "adapters"


@pytest.fixture
def study_modules() -> Iterator[Any]:
    """The scripts as they see each other: beside each other."""
    sys.path.insert(0, str(FOLDER))
    try:
        import plan
        import table

        yield plan, table
    finally:
        sys.path.remove(str(FOLDER))
        for name in ("cost", "figure", "page", "plan", "run", "table"):
            sys.modules.pop(name, None)


def test_every_arm_is_a_recipe_that_holds_with_its_overrides(study_modules: Any) -> None:
    plan, _ = study_modules
    study = load_recipe(plan.Study, FOLDER / "study.yaml")

    for name, arm in study.arms.items():
        config = load_recipe(TrainConfig, plan.ROOT / arm.recipe, [*study.shared, *arm.set, "seed=1"])
        assert config.loop.accumulation % study.nproc == 0, name
        if arm.seed_also is not None:
            load_recipe(TrainConfig, plan.ROOT / arm.recipe, [f"{arm.seed_also}=3"])
    assert len(study.seeds) >= 3
    controls = {"lora-24", "temporal-constant", "temporal-shuffled", "temporal-random"}
    assert controls <= {*study.arms["temporal"].against}
    assert {"rank-uniform", "rank-random", "rank-adalora"} <= {*study.arms["rank-budget"].against}
    assert 1 < study.minutes_a_run() < 60


def test_an_arm_cannot_be_compared_with_one_that_is_not_there(study_modules: Any, tmp_path: Path) -> None:
    plan, _ = study_modules
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump({"arms": {"a": {"title": "A", "recipe": "a.yaml", "against": ["b"]}}}))

    with pytest.raises(ConfigInvalid, match="must name other arms"):
        load_recipe(plan.Study, path)


def measured(table: Any, right: str, *, training_s: float = 1.0) -> Any:
    """Return a run in which the k-th sample is right where ``right`` has a 1; each sample shows another person."""
    values = {f"{index}-tempo": float(mark) for index, mark in enumerate(right)}
    people = {name: f"person {index}" for index, name in enumerate(values)}
    return table.Measured(dict.fromkeys(table.METRICS, values), people, 0, {"training_s": training_s})


def test_scores_are_means_over_seeds_and_differences_are_paired_over_the_seeds_of_both(study_modules: Any) -> None:
    _, table = study_modules
    ours = {0: measured(table, "11111100"), 1: measured(table, "11110000", training_s=3.0)}
    theirs = {0: measured(table, "10101000"), 2: measured(table, "11111111")}

    row = table.summarise(ours)
    found = table.compare(ours, theirs, "a", "b", "exercise")

    assert row["seeds"] == [0, 1]
    assert row["exercise"]["mean"] == pytest.approx(5 / 8)
    assert row["exercise"]["of_seeds"] == [0.75, 0.5]
    assert row["exercise"]["num_people"] == 8
    assert row["exercise"]["ci_low"] < 5 / 8 < row["exercise"]["ci_high"]
    assert row["cost"]["training_s"] == 2.0
    assert row["time_by_kind"] == {"tempo": {"mean": pytest.approx(5 / 8), "num_samples": 8}}
    assert found["seeds"] == [0]
    assert found["difference"] == pytest.approx(3 / 8)
    assert found["num_pairs"] == 8


def costs(**changes: float) -> dict[str, float]:
    return {
        "trained_parameters": 1000.0,
        "weights_mib": 30.0,
        "frozen_mib": 20.0,
        "frozen_language_mib": 16.0,
        "training_s": 60.0,
        "peak_memory_mib": 900.0,
    } | changes


def test_an_unfinished_study_says_what_is_missing_and_compares_what_is_there(
    study_modules: Any, tmp_path: Path
) -> None:
    plan, table = study_modules
    arm = {"title": "A", "recipe": "a.yaml"}
    study = plan.Study(
        arms={"lora": arm, "qlora": {**arm, "against": ["lora"]}, "full": {**arm, "against": ["lora"]}}, seeds=(0, 1)
    )
    found = {"lora": {0: measured(table, "1100"), 1: measured(table, "1110")}, "qlora": {1: measured(table, "1010")}}
    rows = {name: table.summarise(by_seed) for name, by_seed in found.items()}
    rows["lora"]["cost"], rows["qlora"]["cost"] = costs(step_cpu_s=0.5), costs(frozen_mib=9.0, frozen_language_mib=4.0)
    differences = [table.compare(found["qlora"], found["lora"], "qlora", "lora", metric) for metric in table.METRICS]

    missing = table.missing_seeds(study, {**found, "full": {}})
    record = {"arms": rows, "missing": missing, "differences": differences}
    page = table.to_markdown(study, record)
    table.figure.draw(record, tmp_path / "results.png")

    assert missing == {"qlora": [0], "full": [0, 1]}
    assert "3 runs are missing:** `qlora` (seed 0), `full` (seed 0, 1)." in page
    assert "| `qlora` | `lora` | 1 | -25.0" in page  # seed 1 alone: 2 of 4 against 3 of 4
    assert "in the language tower 4.0 of 16.0 MiB (25%), in the whole model 9.0 of 20.0 MiB (45%)" in page
    assert "| 500 (1.00x) |" in page
    assert page.count("| - |") == 1  # no processor time of qlora
    assert (tmp_path / "results.png").read_bytes().startswith(b"\x89PNG")


def test_a_study_without_a_finished_run_says_so(study_modules: Any) -> None:
    plan, table = study_modules
    study = plan.Study(arms={"lora": {"title": "A", "recipe": "a.yaml"}}, seeds=(0,))

    page = table.to_markdown(study, {"arms": {}, "missing": {"lora": [0]}, "differences": []})

    assert "No run is finished yet." in page
    assert "`lora` (seed 0)" in page


@pytest.mark.parametrize(
    ("said", "is_same"), [("Into it.", True), ("into it", True), ("out of it", False), ("", False)]
)
def test_a_short_answer_is_right_whatever_its_case_and_full_stop(study_modules: Any, said: str, is_same: bool) -> None:
    assert study_modules[1].same_answer(said, "into it") is is_same


def tiny_study(base: Path) -> dict[str, Any]:
    return {
        "pack": {"num_clips": 45, "num_subjects": 5, "size_px": 48, "fps": 8, "workers": 1, "correct_share": 0.3}
        | {"exercises": ["squats", "pushups", "cat-cow_pose"]},
        "seeds": [0],
        "num_frames": 4,
        "max_new_tokens": 4,
        "shared": [
            f"model.source={base}",
            "model.device=cpu",
            "sampling.num_frames=4",
            "loop.epochs=null",
            "loop.max_steps=2",
            "loop.batch_size=2",
            "loop.precision=fp32",
            "loop.num_threads=1",
            "evaluation=null",
            "eval_data=null",
            "adapter.rank=4",
            "adapter.alpha=8",
        ],
        "arms": {
            "lora": {"title": "LoRA", "recipe": "recipes/physio/nano-lora.yaml"},
            "temporal": {
                "title": "temporal",
                "recipe": "recipes/physio/nano-temporal.yaml",
                "against": ["lora"],
            },
        },
    }


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("study_modules")
def test_the_whole_study_at_a_tiny_size_resumes_and_writes_its_table(
    child_env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import run as program

    study, out = tmp_path / "study.yaml", tmp_path / "out"
    study.write_text(yaml.safe_dump(tiny_study(make_tiny_folder(tmp_path / "base"))))
    command = [str(FOLDER / "run.py"), str(study), "--out", str(out)]
    monkeypatch.setenv("PYTHONPATH", child_env["PYTHONPATH"])

    def run(*more: str) -> str:
        """The program within this process; the commands that it starts are processes of their own."""
        monkeypatch.setattr(sys, "argv", [*command, *more])
        capsys.readouterr()
        program.main()
        return capsys.readouterr().out

    planned = run("--plan")
    assert not out.exists()
    run("--only", "lora")
    trained = (out / "runs" / "lora-0" / "train" / "best" / "manifest.json").stat().st_mtime_ns
    done = subprocess.run([sys.executable, *command], env=child_env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = done.stdout

    assert "2 runs, 2 left, about" in planned
    assert "2 runs, 1 left" in told
    assert (out / "runs" / "lora-0" / "train" / "best" / "manifest.json").stat().st_mtime_ns == trained
    record = json.loads((out / "results.json").read_text())
    assert set(record["arms"]) == {"lora", "temporal"}
    assert record["arms"]["temporal"]["exercise"]["num_samples"] == 9
    assert record["arms"]["lora"]["time"]["num_samples"] > 0
    assert (
        record["arms"]["lora"]["cost"]["trained_parameters"] < record["arms"]["temporal"]["cost"]["trained_parameters"]
    )
    assert [(one["arm"], one["against"], one["metric"]) for one in record["differences"]] == [
        ("temporal", "lora", metric) for metric in ("exercise", "error", "time")
    ]
    assert "| `temporal` | `lora` |" in (out / "results.md").read_text()
    assert (out / "runs" / "temporal-0" / "test-form" / "gates.jsonl").exists()
    assert (out / "results.png").exists()
    assert "processor ms" not in (out / "results.md").read_text()
    assert "processor ms" in run("--cost", "--only", "lora")
    assert json.loads((out / "cost.json").read_text())["arms"]["lora"]["num_steps"] == 18
