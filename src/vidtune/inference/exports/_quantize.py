"""``quantize_model``: a model in fewer bits, as a folder that transformers opens, with its certificate."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from vidtune.adapters import measuring_inputs, save_scales
from vidtune.adapters.quantizers import quantizers
from vidtune.core.errors import BadUsage
from vidtune.core.progress import Progress, silent
from vidtune.inference._loading import load_for_inference, resolve_source
from vidtune.inference.exports._certificate import Certificate
from vidtune.inference.exports._certify import certify
from vidtune.inference.exports._config import CertifyConfig, tolerance_for
from vidtune.inference.exports._folder import publish, require_free, size_on_disk, staged_folder
from vidtune.inference.exports._open import open_candidate
from vidtune.inference.exports._pipeline import Ours, in_model_format
from vidtune.inference.exports._probes import Probe, as_in_run, read_probes
from vidtune.inference.exports._whole import load_tuned, load_whole, note_on_base, write_plain

DTYPES = {"bf16": "bfloat16", "fp16": "float16"}
"""Number formats that count as a quantization, by the names that users know them by."""

_STAGE = "export"


def quantization_names() -> list[str]:
    """Return every name that ``quantize_model`` takes."""
    return [*DTYPES, *quantizers.names()]


def quantize_model(
    source: str | Path,
    out: Path,
    kind: str,
    config: CertifyConfig,
    *,
    device: str = "auto",
    dtype: str = "float32",
    num_calibration: int = 16,
    progress: Progress = silent,
) -> Certificate:
    """Store the model that ``source`` stands for in fewer bits, in ``out``.

    An adapter is merged in float32 first. The certificate compares the folder, opened with plain transformers, with
    the model as it was, an adapter beside its base. ``int8-static`` alone is opened with vidtune, which reads the
    measured scales.

    Args:
        source: A model, an adapter, a run, a hub id or ``nano``.
        out: The folder to write; it must not be there.
        kind: One of ``quantization_names()``.
        config: What the certificate is measured on.
        device: Where to compute.
        dtype: Number format of what is not quantized, and of the products. No effect with ``bf16`` and ``fp16``.
        num_calibration: Clips from which a static quantization takes its scales; others than the certificate's where
            the data set has enough.
        progress: Told about stages.

    Returns:
        The certificate. If it has not passed, the folder lies beside ``out`` with ``.failed`` in its name.

    Raises:
        BadUsage: If ``out`` is there, or ``kind`` is unknown or cannot be computed here.
        NotInstalled: If its library is missing.
        DiskFull: If there is no room.
    """
    if kind not in quantization_names():
        raise BadUsage(f"quantization {kind!r} is unknown.", f"Use one of {', '.join(quantization_names())}.")
    if kind not in DTYPES:
        quantizers.get(kind).check(device)
    require_free(out)
    needs_calibration = kind not in DTYPES and quantizers.get(kind).needs_calibration
    config = as_in_run(source, config)
    probes = read_probes(
        config.data,
        num_samples=config.num_samples + (num_calibration if needs_calibration else 0),
        sampling=config.sampling,
        max_side_px=config.max_side_px,
    )
    asked, calibration = probes[: config.num_samples], probes[config.num_samples :] or probes
    with staged_folder(out) as staged:
        progress(_STAGE, 0, 2, "quantizing")
        if kind in DTYPES:
            write_plain(load_whole(source, device=device), staged, dtype=DTYPES[kind])
        else:
            _write_quantized(source, staged, kind, device, dtype, calibration if needs_calibration else ())
        progress(_STAGE, 1, 2, "comparing")
        certificate = certify(
            Ours(load_tuned(source, device=device), str(source)),
            open_candidate(staged, device=device, dtype=DTYPES.get(kind, dtype), name=str(out)),
            asked,
            tolerance_for(DTYPES.get(kind, kind), config.tolerance),
            max_new_tokens=config.max_new_tokens,
            sizes_bytes=(_size_of(source), size_on_disk(staged)),
            notes=[*_notes(kind, len(calibration) if needs_calibration else 0), *note_on_base(source)],
            progress=progress,
        )
        certificate.write(staged)
        publish(staged, out, has_passed=certificate.has_passed)
        progress(_STAGE, 2, 2)
    return certificate


def _write_quantized(
    source: str | Path, staged: Path, kind: str, device: str, dtype: str, calibration: Sequence[Probe]
) -> None:
    """Write the whole model, read it again in fewer bits, and write that."""
    with tempfile.TemporaryDirectory(prefix=".whole-", dir=staged.parent) as whole:
        write_plain(load_whole(source, device=device), Path(whole))
        loaded = load_for_inference(whole, device=device, dtype=dtype, quantization=kind)
        write_plain(loaded, staged)
        if calibration:
            pipeline = Ours(loaded, kind)
            with measuring_inputs(loaded.model) as scales, torch.no_grad():
                for probe in calibration:
                    loaded.model(**in_model_format(pipeline.encode([probe]), loaded.model), use_cache=False)
            save_scales(scales, staged)


def _size_of(source: str | Path) -> int | None:
    folder = Path(resolve_source(source))
    return size_on_disk(folder) if folder.is_dir() else None


def _notes(kind: str, num_calibration: int) -> list[str]:
    if kind in DTYPES:
        return [f"{kind}: every weight rounded to {DTYPES[kind]}"]
    notes = [f"{kind}: {quantizers.get(kind).summary}"]
    if num_calibration:
        notes.append(f"scales of inputs measured on {num_calibration} clips")
    return notes
