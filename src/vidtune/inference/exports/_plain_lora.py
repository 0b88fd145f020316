"""``export_plain_lora_of``: ``temporal_lora`` as plain LoRA at a fixed gate, for PEFT and all that loads its files."""

from __future__ import annotations

from pathlib import Path

from vidtune.adapters import export_plain_lora, is_adapter_folder, processor_settings_of, takes_frame_signals
from vidtune.core.errors import BadUsage
from vidtune.core.progress import Progress, silent
from vidtune.inference._loading import resolve_source
from vidtune.inference.exports._certificate import Certificate
from vidtune.inference.exports._certify import certify
from vidtune.inference.exports._config import CertifyConfig, tolerance_for
from vidtune.inference.exports._folder import publish, require_free, size_on_disk, staged_folder
from vidtune.inference.exports._open import open_ours
from vidtune.inference.exports._pipeline import Ours
from vidtune.inference.exports._probes import as_in_run, read_probes
from vidtune.inference.exports._whole import load_tuned, note_on_base

_STAGE = "export"


def export_plain_lora_of(
    source: str | Path,
    out: Path,
    config: CertifyConfig,
    *,
    device: str = "auto",
    progress: Progress = silent,
) -> Certificate:
    """Write the ``temporal_lora`` that ``source`` stands for as plain LoRA, every gate fixed at its mean.

    The mean is taken over the tokens of the questions of the certificate. The folder, which PEFT alone can load, is
    then compared with the gated adapter, stage by stage; what each layer's update loses is told apart, in
    ``plain_lora_certificate.json``.

    Args:
        source: An adapter folder, or a run directory (its best checkpoint).
        out: The folder to write; it must not be there.
        config: What the gates are averaged over and the certificate is measured on.
        device: Where to compute.
        progress: Told about stages.

    Returns:
        The certificate. If it has not passed, the folder lies beside ``out`` with ``.failed`` in its name.

    Raises:
        BadUsage: If ``out`` is there, or ``source`` is no adapter of this kind.
        DiskFull: If there is no room.
    """
    require_free(out)
    folder = Path(resolve_source(source))
    if not is_adapter_folder(folder):
        raise BadUsage(f"{source} is no adapter.", "Give an adapter folder or a run.")
    config = as_in_run(source, config)
    tuned = Ours(load_tuned(source, device=device), f"{source}, gates as trained")
    if not takes_frame_signals(tuned.model):
        raise BadUsage(
            f"{source} is no temporal_lora: it has no gates to fix.", "Use it as it is, or merge it into its base."
        )
    probes = read_probes(
        config.data, num_samples=config.num_samples, sampling=config.sampling, max_side_px=config.max_side_px
    )
    with staged_folder(out) as staged:
        progress(_STAGE, 0, 2, "fixing the gates")
        batches = [tuned.encode([probe]) for probe in probes]
        layers = export_plain_lora(tuned.model, staged, batches, processor=processor_settings_of(folder)).layers
        worst = max(layers, key=lambda layer: layer.mean_distance)
        note = (
            f"gates are fixed at their mean over the prompts of these {len(probes)} questions; the update of a layer "
            f"is then {sum(layer.mean_distance for layer in layers) / len(layers):.1%} away in the mean, at most "
            f"{worst.mean_distance:.1%} ({worst.layer})"
        )
        progress(_STAGE, 1, 2, "comparing")
        certificate = certify(
            tuned,
            # Through vidtune: an adapter brings no processor, and its base's may pad on another side.
            open_ours(staged, device=device, dtype="float32", name=f"{out}, plain LoRA in vidtune"),
            probes,
            tolerance_for("plain-lora", config.tolerance),
            max_new_tokens=config.max_new_tokens,
            sizes_bytes=(size_on_disk(folder), size_on_disk(staged)),
            notes=[note, *note_on_base(source)],
            progress=progress,
        )
        certificate.write(staged)
        publish(staged, out, has_passed=certificate.has_passed)
        progress(_STAGE, 2, 2)
    return certificate
