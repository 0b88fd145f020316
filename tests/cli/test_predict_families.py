"""``vidtune predict --model <folder>`` answers about a real video with a checkpoint of every family there is.

The checkpoints are the tiny random ones of each family's own tests; a family without tests of its own fails here.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.inference.conftest import write_qved

from vidtune.core.durable import RecordLog
from vidtune.media import FrameSet, SamplingConfig, read_frames
from vidtune.models import families, load_model

NUM_QUESTIONS = 2
NUM_FRAMES = 4
QUICK = families.names()[1:3]
"""Asked in the default run; the others are only in CI's."""


@pytest.fixture(scope="module")
def real_video() -> Path:
    """A person in a room, VP9, 1768x994 px: the example inside the package sports2d (BSD-3)."""
    package = importlib.util.find_spec("Sports2D")
    if package is None or not package.submodule_search_locations:
        pytest.skip("the package sports2d, whose example video is asked about, is not installed: make test installs it")
    return Path(package.submodule_search_locations[0]) / "Demo" / "demo.mp4"


@pytest.fixture(scope="module")
def seen(real_video: Path) -> FrameSet:
    """What every model is shown of it."""
    return read_frames(real_video, SamplingConfig(num_frames=NUM_FRAMES))


@pytest.fixture
def arguments(real_video: Path, tmp_path: Path) -> list[str]:
    """The command but for its model, with two questions about the video."""
    data = write_qved(tmp_path / "test.json", [real_video.name], num_questions=NUM_QUESTIONS)
    options = {
        "--data": data,
        "--videos": real_video.parent,
        "--out": tmp_path / "run",
        "--num-frames": NUM_FRAMES,
        "--max-new-tokens": 3,
        "--device": "cpu",
    }
    return ["predict", "--json", *(str(part) for option in options.items() for part in option)]


def write_checkpoint(family: str, folder: Path) -> Path:
    """Write the tiny checkpoint that a family's own tests are made on."""
    # By its whole name: pytest puts the modules that it imports itself under names of its own.
    tests = importlib.import_module(f"tests.models.families.test_{family}")
    [contract] = [one for one in vars(tests).values() if isinstance(one, type) and vars(one).get("name") == family]
    return Path(contract.make_folder(folder))  # type: ignore[attr-defined]


def check_records(run: Path, family: str, model: Path, seen: FrameSet) -> None:
    """Check that the run holds one whole answer to each question, about the frames that were asked for."""
    processor = load_model(model, device="cpu").processor
    counted = families.get(family).count_visual_tokens(*seen.frames_thwc.shape[:3], processor)
    records = RecordLog(run / "predictions.jsonl").read()
    assert len({record["sample_id"] for record in records}) == len(records) == NUM_QUESTIONS
    for record in records:
        assert (record["status"], record["error"]) == ("ok", None)
        frames = record["frames"]
        assert frames["requested"] == frames["delivered"] == NUM_FRAMES
        assert tuple(frames["indices"]) == seen.indices
        assert record["num_visual_tokens"] == counted > 0
        assert record["num_prompt_tokens"] > counted
        assert 1 <= record["num_new_tokens"] <= 3


@pytest.mark.parametrize(
    "family", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in families.names()]
)
def test_a_checkpoint_of_every_family_answers_about_a_real_video_and_is_not_asked_twice(
    family: str, arguments: list[str], tmp_path: Path, vidtune: Any, seen: FrameSet
) -> None:
    model = write_checkpoint(family, tmp_path / "model")

    status, out, err = vidtune(*arguments, "--model", model)
    written = (tmp_path / "run" / "predictions.jsonl").read_bytes()
    again = vidtune(*arguments, "--model", model)

    assert status == 0, err
    assert (json.loads(out)["num_ok"], json.loads(out)["num_done_before"]) == (NUM_QUESTIONS, 0)
    check_records(tmp_path / "run", family, model, seen)
    assert (again[0], json.loads(again[1])["num_done_before"]) == (0, NUM_QUESTIONS)
    assert (tmp_path / "run" / "predictions.jsonl").read_bytes() == written


@pytest.mark.slow
def test_the_program_itself_answers_about_a_real_video(arguments: list[str], tmp_path: Path, seen: FrameSet) -> None:
    model = write_checkpoint(QUICK[0], tmp_path / "model")

    done = subprocess.run(
        [sys.executable, "-m", "vidtune", *arguments, "--model", str(model)],
        capture_output=True,
        text=True,
        timeout=240,
    )

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["num_ok"] == NUM_QUESTIONS
    check_records(tmp_path / "run", QUICK[0], model, seen)
