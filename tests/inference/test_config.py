"""Settings that have no effect are refused, and reading a recipe loads no model library."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vidtune.config import build_config
from vidtune.core.errors import ConfigInvalid
from vidtune.inference import GenerationConfig, PredictConfig


@pytest.mark.parametrize("setting", [{"temperature": 0.1}, {"top_p": 0.9}, {"seed": 1}])
def test_a_sampling_setting_without_sampling_is_refused(setting: dict[str, float]) -> None:
    with pytest.raises(ConfigInvalid, match="has no effect while do_sample is false"):
        build_config(GenerationConfig, setting, source="a test")


def test_all_problems_of_a_recipe_are_named_at_once() -> None:
    values = {"batch_size": 0, "modle": {}, "data": {"path": "a.json", "videos": "v"}, "sampling": {"num_frames": 0}}

    with pytest.raises(ConfigInvalid, match=r"3 problem.*sampling\.num_frames.*batch_size.*modle: no such setting"):
        build_config(PredictConfig, values, source="a test")


def test_no_config_has_more_than_fifteen_fields() -> None:
    assert len(PredictConfig.model_fields) <= 15


def test_reading_a_recipe_imports_no_torch() -> None:
    code = "import sys; from vidtune.inference import PredictConfig; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
