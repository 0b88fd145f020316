"""Write ``temporal_lora`` as plain LoRA with one gate for all tokens, and certify how far that is from the real one.

Axis letters: ``r`` ranks, ``v`` vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model_state_dict
from safetensors.torch import save_file

from vidtune.adapters._config import SHARED_FIELDS, AdapterConfig
from vidtune.adapters._record import base_identity, write_record
from vidtune.adapters.temporal._context import context_of
from vidtune.adapters.temporal._gate import OrderedGate, gated_layers
from vidtune.core.durable import write_json
from vidtune.core.errors import BadUsage

CERTIFICATE_FILE = "plain_lora_certificate.json"


@dataclass(frozen=True)
class LayerDistance:
    """How far the update of one layer at the fixed gate is from that at the gates of the tokens seen.

    Distances are Frobenius norms of differences of ``s B diag(g) A``, in shares of that of the update with all ranks.
    """

    layer: str
    mean_rank: float
    mean_distance: float
    max_distance: float


@dataclass(frozen=True)
class ExportCertificate:
    """What the export loses, measured on the batches it was given."""

    num_batches: int
    layers: tuple[LayerDistance, ...]
    logits_mean_distance: float
    """Mean absolute difference of the logits of all tokens that are not padding."""

    logits_max_distance: float
    same_next_token: float
    """Share of these tokens at which the likeliest next token is the same."""


@torch.no_grad()
def export_plain_lora(
    model: Any,
    folder: Path,
    batches: Sequence[Mapping[str, torch.Tensor]],
    processor: Mapping[str, Any] | None = None,
) -> ExportCertificate:
    """Write what PEFT alone loads as LoRA: each row of B is scaled by the share of tokens that use its rank.

    Args:
        model: With ``temporal_lora``.
        folder: Gets ``adapter_config.json``, ``adapter_model.safetensors``, vidtune's record and the certificate.
        batches: Inputs of some clips, with ``frame_signals``; the gate is fixed at its mean over their tokens.
        processor: As of ``save_adapter``.

    Raises:
        BadUsage: If ``model`` has no ``temporal_lora``, or there are no batches.
    """
    if context_of(model) is None or not batches:
        raise BadUsage("plain LoRA is made of temporal_lora and some batches.", "Attach it, and give it clips.")
    was_training = model.training
    model.eval()
    counts = {name: torch.zeros(gate.rank + 1) for name, (_, gate) in gated_layers(model).items()}
    logits = []
    for batch in batches:
        logits.append(_logits(model, batch))
        _count_ranks(model, counts)
    gates = {name: _mean_gate(count) for name, count in counts.items()}
    with _fixed(model, gates):
        distances = [
            (wanted - _logits(model, batch), wanted, batch) for wanted, batch in zip(logits, batches, strict=True)
        ]
    _write(model, folder, gates)
    shown = [batch["attention_mask"].bool() for batch in batches]
    differences = torch.cat([apart[mask].abs().flatten() for (apart, _, _), mask in zip(distances, shown, strict=True)])
    same = torch.cat(
        [
            (wanted.argmax(-1) == (wanted - apart).argmax(-1))[mask]
            for (apart, wanted, _), mask in zip(distances, shown, strict=True)
        ]
    )
    certificate = ExportCertificate(
        num_batches=len(batches),
        layers=tuple(
            _layer_distance(name, layer, counts[name], gates[name]) for name, (layer, _) in gated_layers(model).items()
        ),
        logits_mean_distance=float(differences.mean()),
        logits_max_distance=float(differences.max()),
        same_next_token=float(same.float().mean()),
    )
    write_json(folder / CERTIFICATE_FILE, asdict(certificate))
    config = getattr(model, "vidtune_adapter", None)
    if config is not None:  # PEFT alone may have loaded it
        write_record(folder, _as_lora(config), base_identity(model), processor)
    model.train(was_training)
    return certificate


def _as_lora(config: AdapterConfig) -> AdapterConfig:
    """Return how the same adapter is told without its gates."""
    shared = {name: getattr(config, name) for name in SHARED_FIELDS}
    return AdapterConfig(kind="lora", options={"rank_stabilized": config.options["rank_stabilized"]}, **shared)


def _logits(model: Any, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    logits: torch.Tensor = model(**inputs, use_cache=False).logits.float()
    return logits


def _count_ranks(model: Any, counts: dict[str, torch.Tensor]) -> None:
    """Add, for each layer, how many of the tokens shown last use 0, 1, ... ranks."""
    context = context_of(model)
    assert context is not None  # noqa: S101 (checked by the caller)
    for name, (_, gate) in gated_layers(model).items():
        used = gate.truncate(gate.edges(context.signals_gs.to(gate.gate_slope.device))).sum(-1).long().cpu()
        counts[name] += torch.bincount(used, context.weights[int(gate.is_visual) :].cpu(), gate.rank + 1)


def _mean_gate(counts: torch.Tensor) -> torch.Tensor:
    """Return (r,) the share of tokens that use each rank; all of them where no token was seen."""
    if not float(counts.sum()):
        return torch.ones(len(counts) - 1)
    return counts.flip(0).cumsum(0).flip(0)[1:] / counts.sum()


def _layer_distance(name: str, layer: Any, counts: torch.Tensor, gate_r: torch.Tensor) -> LayerDistance:
    adapter = layer.active_adapters[0]
    a, b = layer.lora_A[adapter].weight.float().cpu(), layer.lora_B[adapter].weight.float().cpu()
    products = (b.T @ b) * (a @ a.T)  # |B diag(d) A|² = dᵀ products d
    whole = float(products.sum().clamp_min(0).sqrt())
    rank = len(gate_r)
    used = (torch.arange(rank) < torch.arange(rank + 1)[:, None]).float() - gate_r
    distances = torch.einsum("kr,rq,kq->k", used, products, used).clamp_min(0).sqrt() / max(whole, 1e-30)
    seen = counts / counts.sum().clamp_min(1)
    return LayerDistance(
        name,
        float(gate_r.sum()),
        float((seen * distances).sum()),
        float(distances[counts > 0].max()) if float(counts.sum()) else 0.0,
    )


@contextmanager
def _fixed(model: Any, gates: Mapping[str, torch.Tensor]) -> Iterator[None]:
    layers: dict[str, tuple[Any, OrderedGate]] = gated_layers(model)
    for name, (_, gate) in layers.items():
        gate.fixed_r = gates[name].to(gate.gate_slope.device)
    try:
        yield
    finally:
        for _, gate in layers.values():
            gate.fixed_r = None


def _write(model: Any, folder: Path, gates: Mapping[str, torch.Tensor]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    config = model.peft_config[model.active_adapter]
    known = {field.name for field in fields(LoraConfig) if field.init} - {"peft_type", "runtime_config"}
    plain = LoraConfig(**{name: getattr(config, name) for name in known})
    plain.inference_mode = True
    plain.save_pretrained(str(folder))
    tensors = {}
    for name, tensor in get_peft_model_state_dict(model, save_embedding_layers=False).items():
        if ".lora_temporal_gate." in name:
            continue
        layer = name.removeprefix("base_model.model.").removesuffix(".lora_B.weight")
        scaled = tensor * gates[layer].to(tensor.device, tensor.dtype) if name.endswith(".lora_B.weight") else tensor
        tensors[name] = scaled.detach().cpu().contiguous().clone()
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
