"""From the line in the recipe to the way, and the proof that it was taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidtune.adapters import needs_whole_layers, quantization_config, saves_whole_model, takes_frame_signals
from vidtune.core.errors import ConfigInvalid
from vidtune.training._errors import NotSharded
from vidtune.training.sharding._protocol import Holding, Sharding

if TYPE_CHECKING:
    from vidtune.models import LoadedModel
    from vidtune.training._config import TrainConfig
    from vidtune.training._world import World

_SLACK = 1.25
"""How much more than its share a process may hold: small tensors and the first parts of uneven ones."""

_LEAST = 4096
"""A share smaller than this may be padded to several times itself."""


def require_can_shard(config: TrainConfig, world: World) -> None:
    """Check, before weights are loaded, that the recipe can be laid out as it says.

    Raises:
        NotSharded: If there is one process only; a launcher that falls back to one does so in silence.
        ConfigInvalid: If the adapter, or the measurement, needs every weight in one place.
    """
    kind = config.loop.sharding
    if kind == "none":
        return
    if world.size == 1:
        raise NotSharded(
            f"loop.sharding={kind!r} lays the model out over several processes, and this one runs alone.",
            "Start it with `vidtune train --nproc N` or torchrun; some launchers start one process without a word.",
        )
    adapter = config.adapter
    if needs_whole_layers(adapter) or takes_frame_signals(adapter):
        raise ConfigInvalid(
            f"adapter.kind={adapter.kind!r} looks at its weights between the steps, or runs layers twice in one, which "
            f"loop.sharding={kind!r} has spread over processes.",
            "Set loop.sharding to none, or take another kind.",
        )
    if kind != "zero2" and quantization_config(adapter, device=config.model.device) is not None:
        raise ConfigInvalid(
            f"adapter.kind={adapter.kind!r} has a base in 4 or 8 bit, whose packed weights loop.sharding={kind!r} "
            "cannot take apart.",
            "Set loop.sharding to none or zero2, which leave the base whole.",
        )
    if config.model.device_map is not None:
        raise ConfigInvalid(
            f"model.device_map={config.model.device_map!r} and loop.sharding={kind!r} both spread the model.",
            "Leave one of them out.",
        )
    untried = {
        f"loop.precision={config.loop.precision!r}": config.loop.precision == "fp16",
        f"optim.kind={config.optim.kind!r}": config.optim.kind != "adamw",
        "loss.terms": kind == "zero3" and bool(config.loss.terms),
    }
    if names := [name for name, is_set in untried.items() if is_set]:
        raise ConfigInvalid(
            f"{' and '.join(names)} works on whole tensors in one process, and loop.sharding={kind!r} divides them.",
            "Set loop.sharding to none, or leave it out.",
        )
    if kind == "zero3" and config.evaluation is not None and config.evaluation.generate:
        raise ConfigInvalid(
            "evaluation.generate is true, and with loop.sharding='zero3' no process can let the model answer alone.",
            "Set evaluation.generate to false and score the result with `vidtune predict`, or take fsdp2.",
        )


def choose_sharding(config: TrainConfig, loaded: LoadedModel, world: World) -> Sharding:
    """Lay the model out as ``loop.sharding`` says.

    Raises:
        NotInstalled: If DeepSpeed is asked for and not there.
    """
    kind = config.loop.sharding
    if kind == "none":
        from vidtune.training.sharding._replicated import Replicated

        return Replicated(loaded.model, world)
    device_type = loaded.device.type
    delivers_model = saves_whole_model(config.adapter)
    if kind == "fsdp2":
        from vidtune.training.sharding._fsdp2 import FullyShardedData

        return FullyShardedData(loaded.model, world, device_type=device_type, delivers_model=delivers_model)
    from vidtune.training.sharding._zero import ZeroRedundancy

    return ZeroRedundancy(
        loaded.model,
        world,
        device_type=device_type,
        stage=2 if kind == "zero2" else 3,
        max_norm=config.optim.max_grad_norm,
        batch_size=config.loop.batch_size,
        delivers_model=delivers_model,
    )


def require_sharded(kind: str, holding: Holding) -> None:
    """Check that a process holds its share and no more.

    Raises:
        NotSharded: If it does.
    """
    found = [("trained numbers", holding.num_held, holding.num_trained)]
    if kind != "zero2":
        found.append(("bytes of weights", holding.held_bytes, holding.total_bytes))
    for what, held, total in found:
        share = total // holding.num_processes
        if kind != "none" and held > _SLACK * share + _LEAST:
            raise NotSharded(
                f"loop.sharding={kind!r} was to leave about {share:,} of {total:,} {what} to each of "
                f"{holding.num_processes} processes; this one holds {held:,}.",
                "Set loop.sharding to none to go on without, and report the model.",
            )
