"""``vidtune merge``: an adapter worked into its base, with a certificate."""

from __future__ import annotations

from pathlib import Path

import click

from vidtune.cli._certificates import build_certify_config, certificate_options, show
from vidtune.cli._shell import json_option, progress_bar, set_option


@click.command()
@click.argument("adapter", type=click.Path())
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Folder to write; must not be there.")
@click.option("--plain-lora", is_flag=True, help="For temporal_lora: write plain LoRA with every gate at its mean.")
@click.option(
    "--dtype",
    default="float32",
    show_default=True,
    type=click.Choice(["float32", "bfloat16", "float16"]),
    help="Number format of the merged weights; the sums are computed in float32.",
)
@certificate_options
@set_option
@json_option
def merge(
    adapter: str,
    out: str,
    plain_lora: bool,
    dtype: str,
    data: str | None,
    videos: str | None,
    num_samples: int | None,
    num_frames: int | None,
    device: str,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Merge ADAPTER (a folder or a run) into its base, and certify that the answers stay.

    The folder is read by plain transformers, without vidtune or PEFT. certificate.json and
    certificate.txt in it say how far it is from the adapter beside its base, stage by stage; above
    the tolerance the command fails, and the folder gets .failed to its name.

    What temporal_lora adds differs from frame to frame, so there are no weights to merge it into.
    --plain-lora makes an adapter of it that PEFT alone loads, with a certificate of what that loses;
    the result can be merged in its turn.
    """
    from vidtune.inference.exports import export_plain_lora_of, merge_model

    if plain_lora and dtype != "float32":
        raise click.UsageError("--dtype has no effect with --plain-lora, which is written in float32: leave it out.")
    config = build_certify_config(data, videos, num_samples, num_frames, overrides)
    with progress_bar() as progress:
        if plain_lora:
            certificate = export_plain_lora_of(adapter, Path(out), config, device=device, progress=progress)
        else:
            certificate = merge_model(adapter, Path(out), config, device=device, dtype=dtype, progress=progress)
    show(certificate, as_json, Path(out))
