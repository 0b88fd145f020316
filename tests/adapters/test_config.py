from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from vidtune.adapters import AdapterConfig
from vidtune.config import build_config
from vidtune.core.errors import ConfigInvalid


@pytest.mark.parametrize(
    ("kind", "modalities"),
    [("lora", ("language",)), ("qlora", ("language",)), ("full", ("vision", "projector", "language")), ("frozen", ())],
)
def test_towers_are_resolved_by_kind(kind: str, modalities: tuple[str, ...]):
    assert AdapterConfig(kind=kind).modalities == modalities


@pytest.mark.parametrize("kind", ["lora", "qlora", "full", "frozen"])
def test_a_written_config_reads_back_as_itself(kind: str):
    config = AdapterConfig(kind=kind)

    assert build_config(AdapterConfig, config.model_dump(mode="json"), source="test") == config


def test_a_written_config_shows_the_options_that_were_used():
    assert AdapterConfig(kind="qlora").options == {
        "rank_stabilized": False,
        "dora": False,
        "plus_ratio": 1.0,
        "init": "default",
        "quant_type": "nf4",
        "double_quant": True,
        "quantize_vision": False,
        "compute_dtype": "auto",
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "lorra"}, "Did you mean 'lora'"),
        ({"kind": 3}, "kind = 3"),
        ({"kind": "full", "rank": 8}, "rank=8 has no effect with kind='full'"),
        ({"kind": "full", "dropout": 0.5}, "dropout=0.5 has no effect"),
        ({"kind": "full", "modules_to_train": ["projector"]}, "has no effect"),
        ({"kind": "frozen", "modalities": ["language"]}, "has no effect with kind='frozen'"),
        ({"kind": "full", "modalities": []}, "tunes nothing"),
        ({"modalities": []}, "tunes nothing"),
        ({"modalities": [], "modules_to_train": ["projector"]}, "tunes nothing"),
        ({"modalities": ["vision", "vision"]}, "vision named twice"),
        ({"modalities": ["projector"], "modules_to_train": ["projector"]}, "projector named twice"),
        ({"modalities": ["taste"]}, "modalities.0 = 'taste'"),
        ({"modules_to_train": ["language"]}, "modules_to_train.0"),
        ({"rank": 0}, "rank = 0"),
        ({"alpha": 0}, "alpha = 0"),
        ({"dropout": 1.0}, "dropout = 1.0"),
        ({"dropout": float("nan")}, "dropout = nan"),
        (
            {"options": {"quant_type": "nf4"}},
            r"options.quant_type: .*\(options of lora: rank_stabilized, dora, plus_ratio, init\)",
        ),
        ({"kind": "qlora", "options": {"quant_type": "int3"}}, "options.quant_type"),
        ({"kind": "frozen", "options": {"x": 1}}, r"options.x: .*\(options of frozen: none\)"),
        ({"r": 8}, "r: no such setting"),
        ({"options": {"init": "loftq"}}, "init='loftq' is not known here: expected one of default, gaussian"),
        ({"kind": "qlora", "options": {"init": "pissa"}}, "init='pissa' is not known here"),
        ({"kind": "qlora", "options": {"quant_type": "int8", "init": "loftq"}}, "needs quant_type nf4"),
        ({"kind": "qlora", "options": {"quant_type": "int8", "double_quant": False}}, "have no effect with quant_type"),
        ({"kind": "prefix", "rank": 4}, "rank=4 has no effect with kind='prefix'"),
        ({"kind": "ia3", "alpha": 4}, "alpha=4 has no effect with kind='ia3'"),
        ({"kind": "adalora", "options": {"warmup_share": 0.5, "final_share": 0.5}}, "no step for ranks to move"),
        ({"per_modality": {"vision": {"rank": 4}}}, "per_modality names vision, which is not tuned"),
        ({"per_modality": {"language": {}}}, "neither rank, alpha nor targets"),
        ({"per_modality": {"language": {"targets": "q_proj("}}}, r"targets='q_proj\(' is no regular expression"),
        ({"kind": "full", "per_modality": {"language": {"rank": 4}}}, "has no effect with kind='full'"),
        ({"kind": "full", "options": {"last_blocks": 0}}, "options.last_blocks"),
        (
            {"kind": "temporal_lora", "options": {"budget": None, "budget_reached_at": 0.5}},
            "budget_reached_at has no effect with budget=null",
        ),
    ],
)
def test_a_value_that_is_wrong_or_without_effect_is_named(values: dict[str, Any], message: str):
    with pytest.raises(ConfigInvalid, match=message):
        build_config(AdapterConfig, values, source="test")


def test_a_config_is_checked_without_importing_torch():
    probe = (
        "import sys; from vidtune.adapters import AdapterConfig; AdapterConfig(kind='qlora');"
        "print([name for name in ('torch', 'peft', 'transformers', 'numpy') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60)

    assert done.stdout.strip() == "[]", done.stderr
