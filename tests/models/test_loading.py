from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.models.prompts import ask, make_frames
from tests.models.tiny import make_model, make_processor, make_tiny_folder

from vidtune.core.errors import BadUsage, ModelMismatch, ModelUnavailable
from vidtune.models import LoadedModel, families, load_model, outline_model


@pytest.fixture
def folder(tiny_qwen2vl_folder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint to damage."""
    return Path(shutil.copytree(tiny_qwen2vl_folder, tmp_path / "checkpoint"))


def edit_config(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


def logits(loaded: LoadedModel) -> torch.Tensor:
    batch = loaded.family.encode_prompts(loaded.processor, [(ask("Which exercise is this?"), make_frames(4))])
    with torch.no_grad():
        return loaded.model(**batch).logits


def test_a_folder_loads_in_eval_mode_and_float32_on_a_cpu(tiny: LoadedModel, tiny_qwen2vl_folder: Path):
    assert tiny.family.name == "qwen2_vl"
    assert not tiny.model.training
    assert tiny.source == str(tiny_qwen2vl_folder.resolve())
    if not torch.cuda.is_available():
        assert (tiny.device.type, tiny.dtype, tiny.model.dtype) == ("cpu", torch.float32, torch.float32)


def test_weights_are_those_that_were_saved(tiny: LoadedModel):
    made = make_model(make_processor())

    loaded = tiny.model.state_dict()

    assert all(torch.equal(value, loaded[name]) for name, value in made.state_dict().items())


def test_loading_prints_nothing_and_leaves_the_random_state(
    tiny_qwen2vl_folder: Path, capfd: pytest.CaptureFixture[str]
):
    before = torch.random.get_rng_state()
    load_model(tiny_qwen2vl_folder)

    assert torch.equal(before, torch.random.get_rng_state())
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_so_does_loading_in_a_new_process_where_warnings_are_errors(tiny_qwen2vl_folder: Path):
    probe = (
        "import sys, torch; from vidtune.models import load_model; before = torch.random.get_rng_state();"
        "load_model(sys.argv[1]); assert torch.equal(before, torch.random.get_rng_state())"
    )

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", probe, str(tiny_qwen2vl_folder)],
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_both_layouts_of_tensor_names_give_the_same_logits(tiny: LoadedModel, folder: Path):
    """The hub has visual.* and model.layers.*; newer files model.visual.* and model.language_model.layers.*."""
    saved = load_file(folder / "model.safetensors")
    renamed = {
        f"model.{name}" if name.startswith("visual.") else name.replace("model.", "model.language_model.", 1): tensor
        for name, tensor in saved.items()
    }
    save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})

    assert {"visual.merger.ln_q.weight", "model.layers.0.mlp.up_proj.weight"} <= set(saved)
    assert {"model.visual.merger.ln_q.weight", "model.language_model.layers.0.mlp.up_proj.weight"} <= set(renamed)
    assert torch.equal(logits(load_model(folder)), logits(tiny))


def test_an_untied_head_is_loaded(tmp_path: Path):
    loaded = load_model(make_tiny_folder(tmp_path / "untied", tie=False))

    assert loaded.model.lm_head.weight is not loaded.model.get_input_embeddings().weight


def test_bfloat16_is_used_when_asked_for(tiny_qwen2vl_folder: Path):
    loaded = load_model(tiny_qwen2vl_folder, dtype="bfloat16", device="cpu")

    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.bfloat16}


def test_a_missing_key_is_named(folder: Path):
    tensors = load_file(folder / "model.safetensors")
    del tensors["visual.blocks.1.attn.qkv.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ModelMismatch, match=r"1 missing \(model\.visual\.blocks\.1\.attn\.qkv\.weight\)"):
        load_model(folder)


def test_unexpected_keys_are_named_and_the_list_is_cut(folder: Path):
    tensors = load_file(folder / "model.safetensors")
    tensors |= {f"model.audio.{index}.weight": torch.zeros(1) for index in range(9)}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ModelMismatch, match=r"9 unexpected \(.*audio\.0\.weight.*, and 3 more\)"):
        load_model(folder)


def test_another_shape_is_named_with_both_shapes(folder: Path):
    tensors = load_file(folder / "model.safetensors")
    tensors["visual.merger.ln_q.weight"] = torch.zeros(7)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(
        ModelMismatch, match=r"1 of another shape \(model\.visual\.merger\.ln_q\.weight \(7,\) for \(32,\)\)"
    ):
        load_model(folder)


@pytest.mark.parametrize("num_bytes", [0, 4, 100, 50_000])
def test_cut_off_weights_are_a_named_error(folder: Path, num_bytes: int):
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:num_bytes])

    with pytest.raises(ModelUnavailable, match="damaged"):
        load_model(folder)


def test_an_unknown_architecture_names_the_known_ones(folder: Path):
    edit_config(folder, model_type="mobile_videogpt")

    with pytest.raises(ModelMismatch, match=r"'mobile_videogpt' model .*known families: .*qwen2_vl"):
        load_model(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": NaN}'])
def test_a_damaged_config_is_a_named_error(folder: Path, text: str):
    (folder / "config.json").write_text(text)

    with pytest.raises(ModelMismatch, match=r"config\.json|model_type"):
        load_model(folder)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.json", '{"model_type": "qwen2_vl", "text_config": "x"}'),
        ("config.json", '{"model_type": "qwen2_vl", "text_config": {"num_attention_heads": 0}}'),
        ("config.json", '{"model_type": "qwen2_vl", "dtype": "float31"}'),
        ("config.json", '{"model_type": "internvl"}'),
        ("generation_config.json", "[]"),
        ("processor_config.json", "[]"),
        ("tokenizer_config.json", "[1]"),
        ("model.safetensors.index.json", "[]"),
    ],
)
def test_a_file_that_holds_something_else_is_a_named_error(folder: Path, name: str, text: str):
    if name.startswith("model"):
        (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")
    (folder / name).write_text(text)

    with pytest.raises(ModelUnavailable, match=re.escape(str(folder))):
        load_model(folder)


@pytest.mark.parametrize("text_config", ['"x"', '{"num_attention_heads": 0}', '{"num_hidden_layers": "2"}'])
def test_a_config_of_nonsense_has_no_outline(folder: Path, text_config: str):
    (folder / "config.json").write_text(f'{{"model_type": "qwen2_vl", "text_config": {text_config}}}')

    with pytest.raises(ModelUnavailable, match=r"cannot be loaded"):
        outline_model(folder)


def test_code_in_a_checkpoint_is_never_run(folder: Path):
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    edit_config(folder, auto_map={"AutoModel": "evil.Model", "AutoConfig": "evil.Config", "AutoProcessor": "evil.P"})

    assert load_model(folder).family.name == "qwen2_vl"


def test_pickled_weights_are_refused_unread(folder: Path):
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")

    with pytest.raises(ModelUnavailable, match=r"only pytorch_model\.bin, expected \*\.safetensors"):
        load_model(folder)


def test_an_adapter_folder_names_its_base(tmp_path: Path):
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "owner/base", "peft_type": "LORA"}')

    with pytest.raises(ModelMismatch, match=r"is an adapter on the base 'owner/base'"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", ["tokenizer.json", "processor_config.json", "chat_template.jinja"])
def test_a_folder_without_a_processor_file_is_a_named_error_before_weights_load(folder: Path, name: str):
    (folder / name).unlink()
    (folder / "model.safetensors").write_bytes(b"never read")

    with pytest.raises(ModelUnavailable, match=r"tokenizer|template|processor"):
        load_model(folder)


def test_a_folder_without_any_file_of_a_tokenizer_says_so(folder: Path):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()

    with pytest.raises(ModelUnavailable, match=r"has no tokenizer, expected one of tokenizer\.json"):
        load_model(folder)


def test_a_tokenizer_of_another_model_is_refused(folder: Path):
    edit_config(folder, video_token_id=5)

    with pytest.raises(ModelMismatch, match=r"<\|video_pad\|> the id \d+, config.json says 5"):
        load_model(folder)


@pytest.mark.parametrize(
    "source", ["no/such/folder", "nonsense", "./missing", "/missing/folder", "a b/c", "", "a--b/c..d", "x/y.git"]
)
def test_a_name_that_is_nothing_is_a_named_error(source: str):
    with pytest.raises(ModelUnavailable):
        load_model(source)


def test_a_file_instead_of_a_folder_is_a_named_error(folder: Path):
    with pytest.raises(ModelMismatch, match="is a file, expected a model folder"):
        load_model(folder / "model.safetensors")


def test_a_hub_id_offline_says_so_at_once():
    start = time.monotonic()

    with pytest.raises(ModelUnavailable, match="HF_HUB_OFFLINE is set.*Give a folder"):
        load_model("Qwen/Qwen2-VL-2B-Instruct@main")

    assert time.monotonic() - start < 5


def test_a_dead_network_costs_seconds_not_minutes(tmp_path: Path):
    probe = (
        "import time\n"
        "from vidtune.models import ensure_torchvision, load_model\n"
        "from vidtune.core.errors import ModelUnavailable\n"
        "ensure_torchvision()\n"
        "import transformers  # which takes seconds of its own on a busy machine\n"
        "start = time.monotonic()\n"
        "try: load_model('owner/name')\n"
        "except ModelUnavailable as exc: print(exc)\n"
        "assert time.monotonic() - start < 15\n"
    )
    dead = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path), "PATH": "/usr/bin"}

    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, timeout=120, env={**dead, "OMP_NUM_THREADS": "1"}
    )

    assert "hub cannot be reached: http://127.0.0.1:9 does not answer" in done.stdout, done.stderr


@pytest.mark.parametrize("device", ["cuda:99", "mps:7", "banana", "cpu:3"])
def test_a_device_that_is_not_here_is_bad_usage(tiny_qwen2vl_folder: Path, device: str):
    with pytest.raises(BadUsage, match="device"):
        load_model(tiny_qwen2vl_folder, device=device)


def test_an_unknown_dtype_is_bad_usage(tiny_qwen2vl_folder: Path):
    with pytest.raises(BadUsage, match="dtype 'int4' is unknown"):
        load_model(tiny_qwen2vl_folder, dtype="int4")


@pytest.mark.parametrize("name", ["banana", "", None])
def test_an_unknown_attention_is_bad_usage_and_no_damaged_file(tiny_qwen2vl_folder: Path, name: Any):
    with pytest.raises(BadUsage, match=f"attn_implementation {name!r} is unknown"):
        load_model(tiny_qwen2vl_folder, attn_implementation=name)


def test_identity_tells_weights_and_architectures_apart(tiny: LoadedModel, tmp_path: Path):
    other_weights = load_model(make_tiny_folder(tmp_path / "a", seed=1)).identity
    other_size = load_model(make_tiny_folder(tmp_path / "b", hidden_size=64)).identity

    assert other_weights.config_sha256 == tiny.identity.config_sha256
    assert other_weights.weights_sample_sha256 != tiny.identity.weights_sample_sha256
    assert other_size.config_sha256 != tiny.identity.config_sha256


def test_identity_stays_when_only_names_and_formats_change(tiny: LoadedModel, folder: Path):
    edit_config(folder, dtype="bfloat16", transformers_version="4.45.0", _name_or_path="x")

    assert load_model(folder).identity.config_sha256 == tiny.identity.config_sha256


def test_a_family_from_outside_is_found_by_its_model_type(folder: Path, monkeypatch: pytest.MonkeyPatch):
    class ToyFamily:
        name = "toy"

        def load(self, folder: Path, **options: object) -> tuple[torch.nn.Module, str]:
            return torch.nn.Linear(1, 1), "processor"

    monkeypatch.setattr(families, "_targets", dict(families._targets))
    families.register("toy", ToyFamily())
    edit_config(folder, model_type="toy")

    assert load_model(folder).processor == "processor"
