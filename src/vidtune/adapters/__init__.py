"""Ways of tuning a model: attach, save, load, merge. The only room that knows PEFT and bitsandbytes."""

from vidtune.adapters._bare import bare_model
from vidtune.adapters._calibration import measuring_inputs, save_scales, use_saved_scales
from vidtune.adapters._config import AdapterConfig, ModalitySettings
from vidtune.adapters._deltas import TunedWeight, plain_weight, tuned_weights
from vidtune.adapters._kind import AdapterKind, Modality, Towers, adapter_kinds
from vidtune.adapters._lifecycle import (
    adapter_penalty,
    after_step,
    attach_adapter,
    before_step,
    fit_weights,
    learning_rate_multiplier,
    load_adapter,
    load_plain_adapter,
    merge_adapter,
    moves_optimizer_state,
    needs_every_token,
    needs_whole_layers,
    quantization_config,
    save_adapter,
    saves_whole_model,
)
from vidtune.adapters._low_bit_adamw import low_bit_adamw
from vidtune.adapters._outlook import choose_targets, estimate_trained
from vidtune.adapters._quiet import quiet_libraries
from vidtune.adapters._record import (
    adapter_config_of,
    base_of_adapter,
    is_adapter_folder,
    processor_settings_of,
)
from vidtune.adapters._stages import Stage, find_stages, recording
from vidtune.adapters._table import ModalityRow, trainable_table
from vidtune.adapters.temporal import (
    ClipGates,
    GateRow,
    adapter_curves,
    clip_gates,
    draw_gate_map,
    draw_gate_summary,
    export_plain_lora,
    fit_frame_signals,
    frame_inputs,
    frame_signals_given,
    gate_rows,
    mean_ranks,
    register_with_peft,
    takes_frame_signals,
)

register_with_peft()

__all__ = [
    "AdapterConfig",
    "AdapterKind",
    "ClipGates",
    "GateRow",
    "Modality",
    "ModalityRow",
    "ModalitySettings",
    "Stage",
    "Towers",
    "TunedWeight",
    "adapter_config_of",
    "adapter_curves",
    "adapter_kinds",
    "adapter_penalty",
    "after_step",
    "attach_adapter",
    "bare_model",
    "base_of_adapter",
    "before_step",
    "choose_targets",
    "clip_gates",
    "draw_gate_map",
    "draw_gate_summary",
    "estimate_trained",
    "export_plain_lora",
    "find_stages",
    "fit_frame_signals",
    "fit_weights",
    "frame_inputs",
    "frame_signals_given",
    "gate_rows",
    "is_adapter_folder",
    "learning_rate_multiplier",
    "load_adapter",
    "load_plain_adapter",
    "low_bit_adamw",
    "mean_ranks",
    "measuring_inputs",
    "merge_adapter",
    "moves_optimizer_state",
    "needs_every_token",
    "needs_whole_layers",
    "plain_weight",
    "processor_settings_of",
    "quantization_config",
    "quiet_libraries",
    "recording",
    "save_adapter",
    "save_scales",
    "saves_whole_model",
    "takes_frame_signals",
    "trainable_table",
    "tuned_weights",
    "use_saved_scales",
]
