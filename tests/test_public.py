"""The public names of the package and of every room: a change here is a change for users."""

import importlib
import subprocess
import sys

import pytest

import vidtune

ROOMS = [
    "data",
    "evaluation",
    "evaluation.ensembles",
    "evaluation.judging",
    "inference",
    "inference.exports",
    "media",
    "media.corruption",
    "media.embedding",
    "media.quality",
    "models",
    "adapters",
    "adapters.quantizers",
    "metrics",
    "packs",
    "reports",
    "training",
    "config",
]


def test_the_public_names_are_these():
    assert vidtune.__all__ == [
        "compare_runs",
        "get_video_inference",
        "load_model",
        "predict_dataset",
        "read_dataset",
        "read_frames",
        "score_predictions",
        "train",
        "write_reports",
    ]


@pytest.mark.parametrize("name", vidtune.__all__)
def test_every_public_name_is_there_and_documented(name):
    assert getattr(vidtune, name).__doc__


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_room_promises_is_sorted_documented_and_there(room):
    module = importlib.import_module(f"vidtune.{room}")

    assert module.__doc__
    # Constants, then classes, then functions, each from A to Z.
    assert module.__all__ == sorted(module.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    for name in module.__all__:
        assert hasattr(module, name), name


def test_import_is_light():
    code = "import sys, vidtune; heavy = {'torch', 'numpy', 'cv2', 'pydantic'} & set(sys.modules); assert not heavy"

    subprocess.run([sys.executable, "-c", code], check=True)
