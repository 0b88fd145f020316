"""``vidtune frames`` as a user calls it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from tests.media.writing import write_clip

from vidtune.cli._frames import frames
from vidtune.core.errors import BadUsage, ConfigInvalid, VideoMissing


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "a.mp4", num_frames=60, fps=10)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(frames, [str(argument) for argument in arguments])


def test_it_prints_which_frames_when_and_why(clip: Path) -> None:
    result = run(clip, "--num-frames", 6)

    assert result.exit_code == 0, result.output
    assert "hybrid: 6 frames" in result.stdout
    assert "covers segment 6 of 6" in result.stdout


def test_it_writes_a_sheet_and_a_record_beside_it(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheets" / "sheet.png"

    result = run(clip, "--compare", "uniform,dpp,hybrid", "--num-frames", 4, "--query", "red", "--out", out, "--json")

    record = json.loads(result.stdout)
    assert [choice["selector"] for choice in record["choices"]] == ["uniform", "dpp", "hybrid"]
    assert all(choice["delivered"] == 4 for choice in record["choices"])
    with Image.open(out) as picture:
        assert picture.width == 1680
    beside = json.loads(out.with_suffix(".json").read_text())
    assert beside["choices"] == record["choices"]
    assert beside["query"] == "red"


def test_a_single_frame_is_told_in_the_singular(clip: Path) -> None:
    assert "hybrid: 1 frame, covers" in run(clip, "--num-frames", 1).stdout


def test_a_sheet_in_another_format_than_its_name_says_is_refused(clip: Path, tmp_path: Path) -> None:
    result = run(clip, "--out", tmp_path / "sheet.bmp")

    assert "let its name end in .png or .jpg" in result.output
    assert not any(tmp_path.iterdir())


def test_frames_are_chosen_by_what_the_vision_tower_of_nano_loses_in_4_bit(clip: Path) -> None:
    result = run(clip, "--select", "quantization", "--num-frames", 3, "--set", "strength=5", "--json")

    assert result.exit_code == 0, result.output
    choice = json.loads(result.stdout)["choices"][0]
    reasons = [frame["reason"] for frame in choice["frames"]]
    assert choice["delivered"] == len(reasons) == 3
    assert all(re.fullmatch(r"loses \d\.\d\d% \(cosine\) to quantization", reason) for reason in reasons)


def test_a_setting_goes_to_the_selectors_that_have_it(clip: Path) -> None:
    result = run(clip, "--compare", "uniform,hybrid", "--set", "coverage_share=0.5", "--num-frames", 4, "--json")

    options = [choice["options"] for choice in json.loads(result.stdout)["choices"]]
    assert options == [{}, {"coverage_share": 0.5}]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--select", "hybird"], ConfigInvalid, "Did you mean 'hybrid'"),
        (["--select", "fps"], ConfigInvalid, "fps is required"),
        (["--select", "uniform", "--fps", 2], ConfigInvalid, "fps has no effect"),
        (["--select", "hybrid", "--set", "coverage_share=2"], ConfigInvalid, "coverage_share"),
        (["--select", "topk"], BadUsage, "goes by a query and was given none"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    clip: Path, arguments: list[object], error: type[Exception], message: str
) -> None:
    result = run(clip, *arguments)

    assert isinstance(result.exception, error)
    assert message in str(result.exception)


def test_settings_that_nobody_has_and_two_ways_to_choose_are_bad_usage(clip: Path) -> None:
    assert run(clip, "--compare", "uniform,dpp", "--set", "sharpness=2").exit_code == 2
    assert run(clip, "--select", "uniform", "--compare", "dpp").exit_code == 2


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert isinstance(run(tmp_path / "none.mp4").exception, VideoMissing)
