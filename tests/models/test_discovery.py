"""A family is a folder: found by being there, or through an entry point of another package."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.inference.conftest import write_qved
from tests.media.writing import write_clip
from tests.models.tiny import make_tiny_folder

import vidtune
from vidtune.core.errors import ModelMismatch
from vidtune.models import families, find_family

SOURCE = Path(vidtune.__file__).parent
FOLDERS = sorted(path.parent.name for path in (SOURCE / "models" / "families").glob("*/__init__.py"))

TOY_FAMILY = """
from vidtune.models import FramePolicy, NativeFamily


class Toy(NativeFamily):
    name = "toy"
    model_types = ("toy_vl",)
    frame_policy = FramePolicy(num_frames=4)
    model_class = "Qwen2VLForConditionalGeneration"
    processor_class = "Qwen2VLProcessor"
    towers = {"projector": r"visual\\.merger", "vision": r"visual", "language": r"language_model|lm_head"}
    targets = {"language": r"model\\.language_model\\.layers\\.\\d+\\.mlp\\.up_proj"}
    kept_when_quantized = ("model.visual",)
    end_tokens = ("<|im_end|>",)
    type_ids_name = "mm_token_type_ids"

    def processor_arguments(self, frames):
        arguments = super().processor_arguments(frames)["videos_kwargs"]
        return {"videos_kwargs": {**arguments, "cap_pixels_per_frame": True}}

    def load_weights(self, folder, **options):
        from transformers import Qwen2VLConfig

        return super().load_weights(folder, config=Qwen2VLConfig.from_pretrained(folder), **options)

    def count_visual_tokens(self, num_frames, height_px, width_px, processor):
        return -(-num_frames // 2) * (height_px // 28) * (width_px // 28)


FAMILY = Toy()
"""

PREDICT = """
import sys
from pathlib import Path

from vidtune.core.durable import RecordLog
from vidtune.core.rundir import RunDirectory
from vidtune.inference import PredictConfig, predict_dataset
from vidtune.models import families

folder, work = sys.argv[1], Path(sys.argv[2])
assert "toy" in families.names()
config = PredictConfig.model_validate(
    {
        "model": {"source": folder, "device": "cpu"},
        "data": {"path": work / "test.json", "videos": work / "clips"},
        "sampling": {"num_frames": 4},
        "generation": {"max_new_tokens": 3},
        "save_strips": False,
    }
)
summary = predict_dataset(config, RunDirectory(work / "run"))
[record] = RecordLog(RunDirectory(work / "run").predictions).read()
print(summary.num_ok, record["num_visual_tokens"])
"""


def test_every_folder_is_a_family_that_says_who_it_is() -> None:
    assert FOLDERS
    assert set(FOLDERS) <= set(families.names())
    for name in FOLDERS:
        family = families.get(name)
        assert family.name == name
        assert family.model_types
        assert {"vision", "language"} <= set(family.modalities)
        assert all(find_family(model_type, "x") is family for model_type in family.model_types)


@pytest.mark.parametrize("name", FOLDERS)
def test_every_folder_says_in_its_readme_what_it_is_for(name: str) -> None:
    text = (SOURCE / "models" / "families" / name / "README.md").read_text(encoding="utf-8")
    readme = " ".join(text.split())

    assert all(model_type in readme for model_type in families.get(name).model_types)
    assert re.search("not (?:measured|downloaded)", readme, re.IGNORECASE)


def test_no_core_file_names_a_family() -> None:
    pattern = re.compile("|".join(rf"\b{name}\b" for name in FOLDERS))
    core = [
        path
        for path in SOURCE.rglob("*.py")
        if path.relative_to(SOURCE).parts[:2] not in (("models", "families"), ("models", "nano"))
    ]

    assert [str(path) for path in core if pattern.search(path.read_text(encoding="utf-8"))] == []


def test_looking_at_all_families_imports_no_transformers() -> None:
    probe = (
        "import sys; from vidtune.models import families\n"
        "for name in families.names(): families.get(name)\n"
        "sys.exit('transformers' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", probe], timeout=120).returncode == 0


def test_a_model_type_that_no_family_opens_lists_those_there_are() -> None:
    with pytest.raises(ModelMismatch, match=rf"x is a 'mamba' model .*known families: .*{FOLDERS[0]}"):
        find_family("mamba", "x")


@pytest.fixture
def toy_env(tmp_path: Path) -> dict[str, str]:
    """The environment of a process that has the package of another family installed."""
    site = tmp_path / "site"
    (site / "toy_family").mkdir(parents=True)
    (site / "toy_family" / "__init__.py").write_text(TOY_FAMILY)
    info = site / "toy_family-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-family\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[vidtune.family]\ntoy = toy_family:FAMILY\n")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(SOURCE.parent)])}


def test_a_family_in_a_folder_of_another_package_is_found_through_its_entry_point(toy_env: dict[str, str]) -> None:
    probe = (
        "from vidtune.models import families, find_family\n"
        "print('toy' in families.names(), find_family('toy_vl', 'x') is families.get('toy'))"
    )

    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=120, env=toy_env)

    assert (done.returncode, done.stdout.split()) == (0, ["True", "True"]), done.stderr


@pytest.mark.slow
def test_and_predicts(toy_env: dict[str, str], tmp_path: Path) -> None:
    folder = make_tiny_folder(tmp_path / "checkpoint")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "toy_vl"}))
    write_clip(tmp_path / "clips" / "a.mp4", num_frames=12, width=84, height=56)
    write_qved(tmp_path / "test.json", ["a.mp4"])

    done = subprocess.run(
        [sys.executable, "-c", PREDICT, str(folder), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=240,
        env=toy_env,
    )

    assert (done.returncode, done.stdout.strip().splitlines()[-1:]) == (0, ["1 12"]), done.stderr
