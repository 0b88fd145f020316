"""`benchmarks/gpu` on a machine without a GPU: it says so, and its code runs on small models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
MODELS = {"Qwen2-VL-7B", "Qwen2.5-VL-3B", "Gemma-3n-E2B", "VideoLLaMA3-2B"}


def run_benchmark(*arguments):
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu"), *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=500)


@pytest.mark.slow
def test_without_a_device_it_says_so_and_ends_well():
    ended = run_benchmark()

    assert ended.returncode == 0, ended.stderr
    assert "no CUDA device is here, so nothing is measured" in ended.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_model_steps_and_answers_in_small_with_equal_losses(tmp_path):
    out = tmp_path / "gpu.json"
    ended = run_benchmark("--tiny", "--device", "cpu", "--out", str(out))

    assert ended.returncode == 0, ended.stderr
    models = json.loads(out.read_text())["models"]
    assert set(models) == MODELS
    for name, found in models.items():
        for adapter in ("qlora", "lora"):
            measured = [row for row in found[adapter].values() if "step_s" in row]
            assert len(measured) >= 3, name
            assert {"PEFT and TRL", "PEFT and Liger kernels", "Unsloth"} <= found[adapter].keys()
            assert all("step_s" in row or row["not_measured"] for row in found[adapter].values()), name
            assert all(row["loss_difference"] < 1e-4 for row in measured), name
        assert all(asking["same_tokens"] == "4 of 4" for asking in found["answers"]), name


@pytest.mark.parametrize(
    ("package", "sentence"),
    [
        (
            "raise NotImplementedError('Unsloth cannot find any accelerator')",
            "it cannot be imported: NotImplementedError",
        ),
        ("import os; os._exit(3)", "it ended with status 3: it said nothing"),
    ],
)
def test_a_peer_that_does_not_load_is_a_sentence(package, sentence, tmp_path, monkeypatch):
    (tmp_path / "unsloth").mkdir()
    (tmp_path / "unsloth" / "__init__.py").write_text(package)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks" / "gpu"))
    from unsloth_peer import measure_unsloth

    row = measure_unsloth(tmp_path, {"input_ids": torch.zeros(1, 2)}, {"rank": 4})

    assert row["not_measured"].startswith(sentence)
