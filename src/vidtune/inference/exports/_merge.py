"""``merge_model``: an adapter worked into its base, as a folder of its own that needs neither vidtune nor PEFT."""

from __future__ import annotations

from pathlib import Path

from vidtune.adapters import is_adapter_folder
from vidtune.core.errors import BadUsage
from vidtune.core.progress import Progress, silent
from vidtune.inference._loading import resolve_source
from vidtune.inference.exports._certificate import Certificate
from vidtune.inference.exports._certify import certify
from vidtune.inference.exports._config import CertifyConfig, tolerance_for
from vidtune.inference.exports._folder import publish, require_free, size_on_disk, staged_folder
from vidtune.inference.exports._open import open_candidate
from vidtune.inference.exports._pipeline import Ours
from vidtune.inference.exports._probes import as_in_run, read_probes
from vidtune.inference.exports._whole import load_tuned, load_whole, note_on_base, write_plain

_STAGE = "export"


def merge_model(
    source: str | Path,
    out: Path,
    config: CertifyConfig,
    *,
    device: str = "auto",
    dtype: str = "float32",
    progress: Progress = silent,
) -> Certificate:
    """Merge the adapter that ``source`` stands for into its base and write the result to ``out``.

    The sums are computed in float32 and rounded once to ``dtype``. The folder is opened with plain transformers and
    compared with the adapter beside its base before it gets its name.

    Args:
        source: An adapter folder, or a run directory (its best checkpoint).
        out: The folder to write; it must not be there.
        config: What the certificate is measured on.
        device: Where to compute.
        dtype: Number format of the merged weights.
        progress: Told about stages.

    Returns:
        The certificate. If it has not passed, the folder lies beside ``out`` with ``.failed`` in its name.

    Raises:
        BadUsage: If ``out`` is there, or ``source`` is no adapter.
        DiskFull: If there is no room.
    """
    require_free(out)
    folder = Path(resolve_source(source))
    if not is_adapter_folder(folder):
        raise BadUsage(f"{source} is no adapter, so there is nothing to merge.", "Give an adapter folder or a run.")
    config = as_in_run(source, config)
    probes = read_probes(
        config.data, num_samples=config.num_samples, sampling=config.sampling, max_side_px=config.max_side_px
    )
    with staged_folder(out) as staged:
        progress(_STAGE, 0, 2, "merging")
        write_plain(load_whole(source, device=device), staged, dtype=dtype)
        progress(_STAGE, 1, 2, "comparing")
        certificate = certify(
            Ours(load_tuned(source, device=device), f"{source}, adapter beside its base"),
            open_candidate(staged, device=device, dtype=dtype, name=str(out)),
            probes,
            tolerance_for(dtype, config.tolerance),
            max_new_tokens=config.max_new_tokens,
            sizes_bytes=(None, size_on_disk(staged)),
            notes=note_on_base(source),
            progress=progress,
        )
        certificate.write(staged)
        publish(staged, out, has_passed=certificate.has_passed)
        progress(_STAGE, 2, 2)
    return certificate
