"""``certify_folder``: a model that is there already, against what it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from vidtune.core.durable import read_json
from vidtune.core.errors import DataInvalid
from vidtune.core.progress import Progress, silent
from vidtune.inference._loading import resolve_source
from vidtune.inference.exports._certificate import Certificate
from vidtune.inference.exports._certify import certify
from vidtune.inference.exports._config import CertifyConfig, tolerance_for
from vidtune.inference.exports._folder import size_on_disk
from vidtune.inference.exports._open import open_candidate, open_ours
from vidtune.inference.exports._pipeline import Ours, Pipeline
from vidtune.inference.exports._probes import as_in_run, read_probes
from vidtune.inference.exports._whole import load_tuned

Through = Literal["transformers", "vidtune"]


def certify_folder(
    candidate: str | Path,
    reference: str | Path,
    config: CertifyConfig,
    *,
    through: Through = "transformers",
    device: str = "auto",
    progress: Progress = silent,
) -> Certificate:
    """Compare what ``candidate`` answers with what ``reference`` answers through vidtune in float32.

    Args:
        candidate: A model folder, an adapter folder, a run, a hub id or ``nano``.
        reference: Likewise; an adapter stays beside its base.
        config: What both are asked, and what is allowed.
        through: Open the candidate with plain transformers and PEFT, or with vidtune.
        device: Where to compute.
        progress: Told about every question.
    """
    config = as_in_run(reference, config)
    probes = read_probes(
        config.data, num_samples=config.num_samples, sampling=config.sampling, max_side_px=config.max_side_px
    )
    folder = Path(resolve_source(candidate))
    stored_as = describe_storage(folder)
    dtype = stored_as if stored_as in ("bfloat16", "float16") else "float32"
    side: Pipeline
    if through == "vidtune":
        side = open_ours(candidate, device=device, dtype=dtype, name=f"{candidate} in vidtune")
    else:
        side = open_candidate(candidate, device=device, dtype=dtype, name=str(candidate))
    return certify(
        Ours(load_tuned(reference, device=device), f"{reference} in vidtune"),
        side,
        probes,
        tolerance_for(stored_as, config.tolerance),
        max_new_tokens=config.max_new_tokens,
        sizes_bytes=(_size_of(reference), _size_of(candidate)),
        progress=progress,
    )


def describe_storage(folder: Path) -> str:
    """Return how the weights in ``folder`` are stored: the name of a quantization, or of a number format.

    ``float32`` for what is not a folder with a config, such as an adapter: it is held to the strictest.
    """
    try:
        config = read_json(folder / "config.json")
    except (DataInvalid, OSError):
        return "float32"
    quantization = config.get("quantization_config")
    if quantization is None:
        return str(config.get("dtype") or config.get("torch_dtype") or "float32")
    if quantization.get("load_in_4bit"):
        return "nf4"
    if quantization.get("load_in_8bit"):
        return "int8"
    kind = str(quantization.get("quant_type", {}).get("default", {}).get("_type", ""))
    names = {"Int8WeightOnlyConfig": "int8-weight-only", "Int8DynamicActivationInt8WeightConfig": "int8-dynamic"}
    return names.get(kind, "int4")


def _size_of(source: str | Path) -> int | None:
    folder = Path(resolve_source(source))
    return size_on_disk(folder) if folder.is_dir() else None
