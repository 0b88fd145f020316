"""From a generated pack to its scores, by the commands alone and offline: every file of both packs by its protocol."""

import json

import pytest
from click.testing import CliRunner

from vidtune.cli import cli

CAPTION_FILES = [
    ("MSRVTT_data.json", "captions"),
    ("MSRVTT_JSFUSION_test.csv", "retrieval"),
    ("vatex_public_test_english_v1.1.json", "captions"),
    ("activitynet/val_1.json", "dense_captions"),
]
LONG_FILES = [
    ("lvb_val.json", "longvideobench"),
    ("video_mme.json", "video_mme"),
    ("json/5_order.json", "mlvu_dev"),
]


def run(*arguments):
    result = CliRunner().invoke(cli, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def judge(folder, name, protocol, *settings):
    out = folder / "run" / name.replace("/", "_")
    run(
        "predict",
        "--data",
        folder / name,
        "--videos",
        folder / "videos",
        "--out",
        out,
        "--num-frames",
        4,
        "--max-new-tokens",
        12,
        "--limit",
        3,
        *settings,
    )
    [record] = json.loads(run("evaluate", out, "--no-bert", "--json")).values()
    assert record["protocol"] == protocol
    assert record["num_scored"] == record["num_samples"] > 0
    assert record["metrics"]
    assert (out / "report.html").exists()
    return out, record


@pytest.mark.slow
def test_captions_are_predicted_and_scored_offline(tmp_path):
    run(
        "data",
        "synth",
        "captions",
        "--out",
        tmp_path,
        "--set",
        "num_clips=8",
        "--set",
        "num_films=2",
        "--set",
        "size_px=64",
    )

    for name, protocol in CAPTION_FILES:
        judge(tmp_path, name, protocol)


@pytest.mark.slow
def test_long_videos_are_asked_and_scored_offline_with_and_without_subtitles(tmp_path):
    settings = [
        "num_videos=2",
        "min_duration_s=20",
        "max_duration_s=24",
        "size_px=64",
        "fps=4",
        "questions_per_video=4",
    ]
    run("data", "synth", "longvideo", "--out", tmp_path, *[part for one in settings for part in ("--set", one)])

    for name, protocol in LONG_FILES:
        out, record = judge(tmp_path, name, protocol)
        assert record["groups"]
    run(
        "predict",
        "--data",
        tmp_path / "video_mme.json",
        "--videos",
        tmp_path / "videos",
        "--out",
        tmp_path / "with",
        "--num-frames",
        4,
        "--max-new-tokens",
        12,
        "--limit",
        3,
        "--set",
        f"data.subtitles={tmp_path / 'subtitle'}",
    )
    asked = [
        json.loads(line) for line in (tmp_path / "with/predictions.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    plain = [
        json.loads(line)
        for line in (tmp_path / "run/video_mme.json/predictions.jsonl").read_text(encoding="utf-8").splitlines()
    ]

    assert (out.parent / "video_mme.json" / "video_mme_submission.json").exists()
    assert sum(one["num_prompt_tokens"] for one in asked) > sum(one["num_prompt_tokens"] for one in plain)
