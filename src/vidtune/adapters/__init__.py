"""Ways of tuning a model: attach, save, load, merge. The only room that knows PEFT and bitsandbytes."""

from vidtune.adapters._calibration import measuring_inputs, save_scales, use_saved_scales
from vidtune.adapters._config import AdapterConfig
from vidtune.adapters._deltas import TunedWeight, plain_weight, tuned_weights
from vidtune.adapters._kind import AdapterKind, Towers, adapter_kinds
from vidtune.adapters._lifecycle import (
    attach_adapter,
    load_adapter,
    load_plain_adapter,
    merge_adapter,
    quantization_config,
    save_adapter,
)
from vidtune.adapters._quiet import quiet_libraries
from vidtune.adapters._record import (
    adapter_config_of,
    base_of_adapter,
    is_adapter_folder,
    processor_settings_of,
)
from vidtune.adapters._stages import Stage, find_stages, recording, stage_root
from vidtune.adapters._table import ModalityRow, trainable_table

__all__ = [
    "AdapterConfig",
    "AdapterKind",
    "ModalityRow",
    "Stage",
    "Towers",
    "TunedWeight",
    "adapter_config_of",
    "adapter_kinds",
    "attach_adapter",
    "base_of_adapter",
    "find_stages",
    "is_adapter_folder",
    "load_adapter",
    "load_plain_adapter",
    "measuring_inputs",
    "merge_adapter",
    "plain_weight",
    "processor_settings_of",
    "quantization_config",
    "quiet_libraries",
    "recording",
    "save_adapter",
    "save_scales",
    "stage_root",
    "trainable_table",
    "tuned_weights",
    "use_saved_scales",
]
