"""`loop.sharding`: who computes what, what is refused, and what real processes on this machine learn with it."""

from __future__ import annotations

import signal
from functools import cache

import pytest
import torch
from safetensors.torch import load_file
from tests.models.families.tiny_gemma3n import make_tiny_folder as make_tiny_gemma3n

from vidtune.cli._evaluator import generated_metrics
from vidtune.config import dump_config
from vidtune.core.durable import RecordLog
from vidtune.core.errors import ConfigInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.data import Sample
from vidtune.training import NotSharded, World, read_history, train
from vidtune.training._examples import Example
from vidtune.training.sharding import Holding, Part, deal, require_can_shard, require_sharded
from vidtune.training.sharding._fsdp2 import find_blocks
from vidtune.training.sharding._use import Use

from . import child, forked, mixed_child
from .test_processes import wait_for

LORA = {"rank": 4, "alpha": 8, "dropout": 0.1, "modalities": ["vision", "projector", "language"]}
IN_PROCESSES = ["fsdp2", "zero2", "zero3"]
TOLERANCE = 1e-5
"""Of losses and weights: the same numbers are added in another order."""

OPTIM = {"learning_rate": 1e-2, "epsilon": 1e-4}
"""Adam divides a gradient by its own size: with its usual epsilon one of rounding alone, which differs with the order
of sums, moves a weight as far as a real one."""


def examples_of(*kinds):
    return [
        Example(
            Sample(str(i), "", ()),
            torch.zeros(10 + i, dtype=torch.long),
            torch.zeros(10 + i),
            "",
            media=frozenset(kind),
        )
        for i, kind in enumerate(kinds)
    ]


def test_without_equal_turns_batches_are_dealt_out_in_turn():
    parts = [deal([(0,), (1,), (2,)], [], rank, 2, equal_turns=False) for rank in range(2)]

    assert parts == [[Part(0, (0,)), Part(2, (2,))], [Part(1, (1,))]]


def test_with_equal_turns_every_process_meets_the_same_media_in_each_round():
    examples = examples_of(["pixels"], [], ["pixels", "sound"], [], ["pixels"])
    batches = [(0, 1), (3,), (1,), (2, 4), (3,)]
    parts = [deal(batches, examples, rank, 2, equal_turns=True) for rank in range(2)]

    assert parts[0] == [Part(0, (0, 1)), Part(2, (1,), (2,)), Part(4, (3,))]
    assert parts[1] == [Part(1, (3,), (0,)), Part(3, (2, 4)), Part(5, (), (3,))]
    for one, other in zip(*parts, strict=True):
        media = [
            {kind for index in (*part.indices, *part.company) for kind in examples[index].media}
            for part in (one, other)
        ]
        assert media[0] == media[1]


@pytest.mark.parametrize("kind", IN_PROCESSES)
def test_a_launcher_that_fell_back_to_one_process_is_an_error(kind, recipe):
    with pytest.raises(NotSharded, match=f"loop.sharding='{kind}' .* this one runs alone.*vidtune train --nproc N"):
        require_can_shard(recipe(loop={"sharding": kind}), World())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"adapter": {"kind": "adalora", "dropout": ..., "modalities": ["language"]}},
            "adapter.kind='adalora' looks at",
        ),
        ({"adapter": {"kind": "prompt", "rank": ..., "alpha": ..., "dropout": ...}}, "runs layers twice"),
        ({"adapter": {"kind": "qlora"}}, "base in 4 or 8 bit"),
        ({"model": {"device": ..., "device_map": "auto"}}, "both spread the model"),
        ({"loop": {"sharding": "fsdp2", "precision": "fp16"}}, "loop.precision='fp16' works on whole tensors"),
        (
            {"loop": {"sharding": "zero3"}, "loss": {"terms": {"temporal_coherence": {"weight": 0.5}}}},
            "loss.terms works on whole tensors",
        ),
        ({"optim": {"kind": "adamw_8bit"}}, "optim.kind='adamw_8bit' works on whole tensors"),
    ],
)
def test_what_needs_all_weights_in_one_place_is_refused_before_they_load(changes, message, recipe):
    with pytest.raises(ConfigInvalid, match=message):
        require_can_shard(recipe(**{"loop": {"sharding": "fsdp2"}, **changes}), World(0, 2))


def test_stage_two_leaves_a_quantized_base_whole(recipe):
    require_can_shard(recipe(loop={"sharding": "zero2"}, adapter={"kind": "qlora"}), World(0, 2))


def test_a_process_that_holds_more_than_its_share_is_an_error():
    require_sharded("fsdp2", Holding(500_000, 1_000_000, 50_000, 100_000, 2))
    with pytest.raises(NotSharded, match="about 500,000 of 1,000,000 bytes of weights to each of 2 .* holds 1,000,000"):
        require_sharded("fsdp2", Holding(1_000_000, 1_000_000, 50_000, 100_000, 2))
    with pytest.raises(NotSharded, match="trained numbers"):
        require_sharded("zero2", Holding(1_000_000, 1_000_000, 100_000, 100_000, 2))


def test_the_blocks_of_a_model_are_the_layers_of_its_towers(tiny_model):
    from transformers import AutoModelForImageTextToText

    model = AutoModelForImageTextToText.from_pretrained(tiny_model)
    kinds = [type(block).__name__ for block in find_blocks(model)]

    assert kinds == ["Qwen2VLVisionBlock"] * 2 + ["Qwen2VLDecoderLayer"] * 2
    with pytest.raises(ValueError, match="no list of layers"):
        find_blocks(torch.nn.Linear(2, 2))


def write_recipe(recipe, path, **changes):
    path.write_text(dump_config(recipe(**changes)))
    return path


def run_in_two(recipe_path, run):
    said = run.path.with_suffix(".said")
    forked.run_world(child.learn, str(recipe_path), str(run.path), num_processes=2, folder=said)


def losses(run):
    return [record["loss"] for record in read_history(run.training_log).steps]


def gradient_norms(run):
    return [record["grad_norm"] for record in read_history(run.training_log).steps]


def holding_of(run):
    return next(record for record in RecordLog(run.training_log).read() if record["event"] == "sharding")


def assert_same_weights(found, wanted, name="adapter_model.safetensors"):
    one, other = (load_file(run.best / name) for run in (found, wanted))
    assert one.keys() == other.keys()
    for key, tensor in one.items():
        assert tensor.shape == other[key].shape
        assert (tensor - other[key]).abs().max() <= TOLERANCE, key


def learn_alike(recipe, clips, tmp_path, sharding, **changes):
    """Run a recipe in one process as it is and in two with ``sharding``; compare, and return the sharded run."""
    values = {
        "adapter": LORA,
        "loop": {"max_steps": 4, "accumulation": 3, "batch_size": 3},
        "eval_data": {"path": str(clips / "val.json"), "videos": str(clips)},
        "evaluation": {"every_steps": 2, "max_new_tokens": 4, "generate": sharding == "fsdp2"},
        "optim": OPTIM,
        # Decoded once: a new process starts its own readers, which takes longer than its steps.
        "frame_cache": {"enabled": True, "folder": str(tmp_path / "frames")},
        **changes,
    }
    one, two = RunDirectory(tmp_path / "one"), RunDirectory(tmp_path / "two")
    train(recipe(**values), one, evaluator=generated_metrics)
    values["loop"] = {**values["loop"], "sharding": sharding}
    run_in_two(write_recipe(recipe, tmp_path / "two.yaml", **values), two)

    assert losses(two) == pytest.approx(losses(one), abs=TOLERANCE)
    measured = [[record["metrics"] for record in read_history(run.training_log).evaluations] for run in (two, one)]
    assert [found == pytest.approx(wanted, abs=TOLERANCE) for found, wanted in zip(*measured, strict=True)] == [
        True
    ] * 2
    assert {path.name for path in two.best.iterdir()} == {path.name for path in one.best.iterdir()}
    return one, two


@pytest.mark.slow
def test_fsdp2_learns_what_one_process_learns_and_halves_what_each_holds(recipe, clips, tmp_path):
    one, two = learn_alike(recipe, clips, tmp_path, "fsdp2")

    assert_same_weights(two, one)
    holding = holding_of(two)
    assert holding["num_processes"] == 2
    assert holding["held_bytes"] <= 0.51 * holding["total_bytes"]
    assert holding["num_held"] <= 0.51 * holding["num_trained"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("sharding", ["fsdp2", "zero2"])
def test_terms_of_the_loss_are_those_of_one_process(sharding, recipe, clips, tmp_path):
    if sharding != "fsdp2":
        pytest.importorskip("deepspeed")
    terms = {"temporal_coherence": {"weight": 0.5}, "distribution_alignment": {"weight": 1.0, "schedule": "rising"}}
    sampling = {"num_frames": 8}  # two frames make one of the model's, and of two of those coherence says nothing
    one, two = learn_alike(recipe, clips, tmp_path, sharding, sampling=sampling, loss={"terms": terms})

    assert_same_weights(two, one)
    for name in terms:
        added = [[record[name] for record in read_history(run.training_log).steps] for run in (two, one)]
        assert added[0] == pytest.approx(added[1], abs=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("sharding", ["zero2", "zero3"])
def test_deepspeed_learns_what_one_process_learns(sharding, recipe, clips, tmp_path):
    pytest.importorskip("deepspeed")
    one, two = learn_alike(recipe, clips, tmp_path, sharding)

    assert_same_weights(two, one)
    holding = holding_of(two)
    assert holding["num_held"] <= 0.51 * holding["num_trained"]
    assert holding["held_bytes"] <= (1.0 if sharding == "zero2" else 0.51) * holding["total_bytes"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("sharding", ["fsdp2", "zero3"])
def test_a_whole_model_that_was_trained_in_parts_is_delivered_whole(sharding, recipe, clips, tmp_path):
    if sharding == "zero3":
        pytest.importorskip("deepspeed")
    adapter = {"kind": "full", "rank": ..., "alpha": ..., "dropout": ..., "modalities": ["projector", "language"]}
    optim = {"learning_rate": 1e-3}
    one, two = learn_alike(recipe, clips, tmp_path, sharding, adapter=adapter, optim=optim)

    assert_same_weights(two, one, "model.safetensors")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["modality_lora", "bottleneck", "ia3", "prefix"])
def test_other_adapters_are_laid_out_as_well(kind, recipe, clips, tmp_path):
    from vidtune.adapters import adapter_kinds

    unused = {name: ... for name in ("rank", "alpha", "dropout") if name not in adapter_kinds.get(kind).uses}
    adapter = {"kind": kind, "dropout": 0.0, "modalities": ["language"], **unused}
    one, two = learn_alike(recipe, clips, tmp_path, "fsdp2", adapter=adapter)

    assert_same_weights(two, one)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("sharding", IN_PROCESSES)
def test_a_killed_process_ends_a_sharded_run_by_name_and_the_run_goes_on(sharding, recipe, tmp_path):
    """What a launcher says of it is tested with test_processes; here is what the other process says by itself."""
    if sharding != "fsdp2":
        pytest.importorskip("deepspeed")
    values = {
        "adapter": LORA,
        "loop": {"max_steps": 16, "accumulation": 2, "batch_size": 3, "sharding": sharding},
        "optim": OPTIM,
        "save": {"every_steps": 2},
    }
    path = write_recipe(recipe, tmp_path / "recipe.yaml", **values)
    whole, killed = RunDirectory(tmp_path / "whole"), RunDirectory(tmp_path / "killed")
    said = tmp_path / "said"
    one, other = forked.start_world(child.learn, str(path), str(killed.path), num_processes=2, folder=said)
    try:
        wait_for(lambda: (killed.checkpoints / "step-000002").exists())
        other.kill()
        for process in (one, other):
            process.join(60)
    finally:
        one.kill()

    assert (one.exitcode, other.exitcode) == (75, -signal.SIGKILL), (said / "0.log").read_text()
    assert "error[peer_lost]: another process of this run ended" in (said / "0.log").read_text()
    assert not killed.best.exists()
    run_in_two(path, killed)
    train(recipe(**{**values, "loop": {**values["loop"], "sharding": "none"}}), whole)
    assert losses(killed) == pytest.approx(losses(whole), abs=TOLERANCE)
    assert_same_weights(killed, whole)


def train_mixed(model, run, sharding, num_processes):
    arguments = (mixed_child.main, str(model), str(run.path), sharding)
    forked.run_world(*arguments, num_processes=num_processes, folder=run.path.with_suffix(".said"))
    return losses(run) + gradient_norms(run)


@pytest.fixture(scope="module")
def tiny_gemma3n(tmp_path_factory):
    return make_tiny_gemma3n(tmp_path_factory.mktemp("gemma3n") / "model")


@pytest.fixture(scope="module")
def one_process(tiny_model, tiny_gemma3n, tmp_path_factory):
    """Return what one process makes of the rows of a model; computed once."""

    @cache
    def compute(name):
        model = {"qwen2_vl": tiny_model, "gemma3n": tiny_gemma3n}[name]
        run = RunDirectory(tmp_path_factory.mktemp("one_process") / "run")
        return train_mixed(model, run, "none", 1)

    return compute


@pytest.mark.slow
@pytest.mark.parametrize("sharding", ["none", *IN_PROCESSES])
def test_texts_images_and_videos_in_uneven_batches_do_not_hang(sharding, tiny_model, one_process, tmp_path):
    if sharding.startswith("zero"):
        pytest.importorskip("deepspeed")
    two = train_mixed(tiny_model, RunDirectory(tmp_path / "two"), sharding, 2)

    assert two == pytest.approx(one_process("qwen2_vl"), abs=TOLERANCE)


@pytest.mark.slow
@pytest.mark.parametrize("sharding", ["none", "fsdp2"])
def test_sound_beside_all_else_does_not_hang(sharding, tiny_gemma3n, one_process, tmp_path):
    two = train_mixed(tiny_gemma3n, RunDirectory(tmp_path / "two"), sharding, 2)

    assert two == pytest.approx(one_process("gemma3n"), abs=TOLERANCE)


def test_what_is_used_together_is_one_group_of_the_optimizer_and_keeps_its_rate():
    from vidtune.training.sharding._zero import divide_groups

    names = [
        "a.layers.0.q.lora_A.default.weight",
        "a.layers.1.q.lora_A.default.weight",
        "a.embed.bias",
        "b.proj.weight",
    ]
    parameters = {name: torch.nn.Parameter(torch.zeros(2)) for name in names}
    groups = [
        {"params": list(parameters.values())[:3], "lr": 0.1},
        {"params": [parameters["b.proj.weight"]], "lr": 0.2},
    ]
    optimizer = torch.optim.AdamW(groups)

    assert divide_groups(optimizer, parameters) == dict(zip(names, [0, 0, 1, 2], strict=True))
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.1, 0.2]


def test_a_parameter_is_used_when_a_gradient_reaches_it_and_only_until_it_is_asked_about():
    first, second = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    use = Use(World())
    for name, parameter in (("first", first), ("second", second)):
        use.watch(name, parameter)

    (first.sum() + 0 * second.detach().sum()).backward()

    assert use.take(["first", "second"]) == {"first"}
    assert use.take(["first", "second"]) == set()
