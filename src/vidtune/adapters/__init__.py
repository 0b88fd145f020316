"""Ways of tuning a model: attach, save, load, merge. The only room that knows PEFT and bitsandbytes."""

from vidtune.adapters._certificate import MergeCertificate, certify_merge
from vidtune.adapters._config import AdapterConfig
from vidtune.adapters._kind import AdapterKind, Towers, adapter_kinds
from vidtune.adapters._lifecycle import (
    attach_adapter,
    load_adapter,
    merge_adapter,
    quantization_config,
    save_adapter,
)
from vidtune.adapters._record import (
    adapter_config_of,
    base_of_adapter,
    is_adapter_folder,
    processor_settings_of,
)
from vidtune.adapters._table import ModalityRow, trainable_table

__all__ = [
    "AdapterConfig",
    "AdapterKind",
    "MergeCertificate",
    "ModalityRow",
    "Towers",
    "adapter_config_of",
    "adapter_kinds",
    "attach_adapter",
    "base_of_adapter",
    "certify_merge",
    "is_adapter_folder",
    "load_adapter",
    "merge_adapter",
    "processor_settings_of",
    "quantization_config",
    "save_adapter",
    "trainable_table",
]
