"""``temporal_lora`` as PEFT sees it: a config, and a tuner that is LoRA's with a gate in each layer.

All of LoRA's layers (plain, bitsandbytes 4 and 8 bit, torchao) ask ``lora_variant`` how to compute, so one variant
serves them all and none of them is copied.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import torch
from peft import LoraConfig
from peft.tuners.lora import LoraModel
from peft.tuners.lora.layer import LoraLayer, LoraVariant
from torch import nn

from vidtune.adapters.temporal._context import TemporalContext
from vidtune.adapters.temporal._gate import GATES, OrderedGate
from vidtune.adapters.temporal._registration import PEFT_TYPE
from vidtune.adapters.temporal._selective import SelectiveUpdate
from vidtune.adapters.temporal._signals import SIGNALS
from vidtune.core.errors import BadUsage


@dataclass
class TemporalLoraConfig(LoraConfig):
    """PEFT's settings of LoRA, and those of the gates. It is ``adapter_config.json``."""

    signals: list[str] = field(default_factory=lambda: list(SIGNALS))
    signal_mean: list[float] | None = None
    signal_std: list[float] | None = None
    visual_token_ids: list[int] = field(default_factory=list)
    visual_targets: str = "(?!)"
    """Pattern of the whole names of layers that see pixels only."""

    softness: float = 1.0
    gate_gain: float = 20.0
    budget: float | None = None
    budget_weight: float = 1.0
    budget_reached_at: float | None = None
    control: str = "none"
    skip_still_below: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()  # type: ignore[no-untyped-call]
        self.peft_type = PEFT_TYPE


class _Gated(LoraVariant):
    """``y = W x + s B (g(u) * A x)``, with the gate g of the frame that each token belongs to."""

    def supports_lora_conversion(self) -> bool:
        return False

    @staticmethod
    def forward(module: Any, active_adapter: str, x: torch.Tensor, result: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        gate: OrderedGate = module.lora_temporal_gate[active_adapter]
        context = gate.context
        assert context is not None  # noqa: S101 (set when the layer was made)
        lora_a, lora_b = module.lora_A[active_adapter], module.lora_B[active_adapter]
        dropout, scaling = module.lora_dropout[active_adapter], module.scaling[active_adapter]
        index = context.token_index(x, is_visual=gate.is_visual)
        gates = gate(context.signals_gs.to(x.device))

        if context.config.skip_still_below is None or not (gate.training and torch.is_grad_enabled()):
            ranks = lora_a(dropout(x))
            added: torch.Tensor = lora_b(ranks * gates[index].to(ranks.dtype)) * scaling
            return result + added
        teaching = context.teaching_places(index, is_visual=gate.is_visual)
        seen = dropout(x)
        rows = seen.reshape(-1, seen.shape[-1])
        learned: torch.Tensor = SelectiveUpdate.apply(  # type: ignore[no-untyped-call]
            *(rows, lora_a.weight, lora_b.weight, gates, index.flatten(), teaching),
            *(context.rows_of(seen, teaching), scaling),
        )
        return result + learned.reshape(result.shape).to(result.dtype)

    @staticmethod
    def merge_safe(module: Any, active_adapter: str, orig_weight: torch.Tensor) -> torch.Tensor:
        raise BadUsage(
            "temporal_lora cannot be merged: what it adds to a weight differs from frame to frame.",
            "Write it as plain LoRA at a fixed gate (`vidtune merge --plain-lora`, export_plain_lora), and merge that.",
        )

    merge_unsafe = merge_safe  # type: ignore[assignment]
    unmerge = merge_safe


class TemporalLoraModel(LoraModel):
    """LoRA's tuner, with a gate in each layer and a hook that brings the signals."""

    def _pre_injection_hook(self, model: nn.Module, config: Any, adapter_name: str) -> None:
        super()._pre_injection_hook(model, config, adapter_name)
        self.temporal_context = TemporalContext(config)

    def _create_and_replace(  # type: ignore[override]
        self, lora_config: Any, adapter_name: str, target: Any, target_name: str, parent: Any, **kwargs: Any
    ) -> None:
        super()._create_and_replace(lora_config, adapter_name, target, target_name, parent, **kwargs)
        is_visual = re.fullmatch(lora_config.visual_targets, kwargs["current_key"]) is not None
        _put_gate(getattr(parent, target_name), adapter_name, lora_config, self.temporal_context, is_visual)

    def _post_injection_hook(self, model: nn.Module, config: Any, adapter_name: str) -> None:
        super()._post_injection_hook(model, config, adapter_name)
        model.temporal_context = self.temporal_context  # type: ignore[assignment]
        # Losses may call the part below the head directly; of two hooks around one pass the outer one acts.
        inner = getattr(model, "base_model", model)
        for module in (model,) if inner is model else (model, inner):
            _hook(module, self.temporal_context)


def _put_gate(layer: Any, adapter_name: str, config: Any, context: TemporalContext, is_visual: bool) -> None:
    if not isinstance(layer, LoraLayer) or not layer.lora_A:
        raise BadUsage(f"temporal_lora cannot tune a {type(layer).__name__}.", "Target linear layers.")
    if not hasattr(layer, GATES):
        setattr(layer, GATES, nn.ModuleDict())
        layer.adapter_layer_names = (*layer.adapter_layer_names, GATES)
    gate = OrderedGate(
        rank=layer.r[adapter_name],
        num_signals=len(config.signals),
        softness=config.softness,
        gain=config.gate_gain,
        is_visual=is_visual,
    )
    gate.context = context
    weight: Any = layer.lora_A[adapter_name].weight
    getattr(layer, GATES)[adapter_name] = gate.to(weight.device) if weight.device.type != "meta" else gate
    layer.lora_variant[adapter_name] = _Gated()
    layer.set_adapter(layer.active_adapters, inference_mode=config.inference_mode)


def _hook(module: nn.Module, context: TemporalContext) -> None:
    module.register_forward_pre_hook(lambda _, args, kwargs: context.enter(args, kwargs), with_kwargs=True)
    module.register_forward_hook(lambda *_: context.leave(), always_call=True)
