"""Models written for others: merged or quantized, each with a certificate of how far it is from its origin.

Importing this imports no torch; each name brings its module with it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidtune.inference.exports._certificate import Cause, Certificate, CertificateFailed, StageRow
    from vidtune.inference.exports._certify import certify
    from vidtune.inference.exports._config import CertifyConfig, Tolerance, ToleranceChange
    from vidtune.inference.exports._folders import certify_folder
    from vidtune.inference.exports._merge import merge_model
    from vidtune.inference.exports._open import open_ours, open_plain
    from vidtune.inference.exports._pipeline import Pipeline
    from vidtune.inference.exports._plain_lora import export_plain_lora_of
    from vidtune.inference.exports._probes import Probe, read_probes
    from vidtune.inference.exports._quantize import quantization_names, quantize_model

__all__ = [
    "Cause",
    "Certificate",
    "CertificateFailed",
    "CertifyConfig",
    "Pipeline",
    "Probe",
    "StageRow",
    "Tolerance",
    "ToleranceChange",
    "certify",
    "certify_folder",
    "export_plain_lora_of",
    "merge_model",
    "open_ours",
    "open_plain",
    "quantization_names",
    "quantize_model",
    "read_probes",
]

_MODULES = {
    "Cause": "_certificate",
    "Certificate": "_certificate",
    "CertificateFailed": "_certificate",
    "CertifyConfig": "_config",
    "Pipeline": "_pipeline",
    "Probe": "_probes",
    "StageRow": "_certificate",
    "Tolerance": "_config",
    "ToleranceChange": "_config",
    "certify": "_certify",
    "certify_folder": "_folders",
    "export_plain_lora_of": "_plain_lora",
    "merge_model": "_merge",
    "open_ours": "_open",
    "open_plain": "_open",
    "quantization_names": "_quantize",
    "quantize_model": "_quantize",
    "read_probes": "_probes",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
