"""``vidtune quantize``: a model in fewer bits, with a certificate."""

from __future__ import annotations

from pathlib import Path

import click

from vidtune.cli._certificates import build_certify_config, certificate_options, show
from vidtune.cli._shell import json_option, progress_bar, set_option


@click.command()
@click.argument("model", type=click.Path())
@click.option(
    "--to",
    "kind",
    required=True,
    metavar="KIND",
    help="bf16, fp16, int8, int8-weight-only, int8-dynamic, int8-static, nf4 or int4.",
)
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Folder to write; must not be there.")
@click.option(
    "--dtype",
    default="float32",
    show_default=True,
    type=click.Choice(["float32", "bfloat16", "float16"]),
    help="Number format of what is not quantized.",
)
@click.option(
    "--num-calibration",
    default=16,
    show_default=True,
    type=click.IntRange(min=1),
    help="Clips from which int8-static takes its scales.",
)
@certificate_options
@set_option
@json_option
def quantize(
    model: str,
    kind: str,
    out: str,
    dtype: str,
    num_calibration: int,
    data: str | None,
    videos: str | None,
    num_samples: int | None,
    num_frames: int | None,
    device: str,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Store MODEL (a model, an adapter or a run) in fewer bits, and certify how far the answers move.

    bf16 and fp16 round every weight. int8 and nf4 are bitsandbytes', the other int8 kinds and int4
    torchao's (install vidtune[quantize]); vision tower and output head stay as they are. The folder is read by
    plain transformers; certificate.json and certificate.txt in it compare it with MODEL.
    """
    from vidtune.inference.exports import quantize_model

    config = build_certify_config(data, videos, num_samples, num_frames, overrides)
    with progress_bar() as progress:
        certificate = quantize_model(
            model,
            Path(out),
            kind,
            config,
            device=device,
            dtype=dtype,
            num_calibration=num_calibration,
            progress=progress,
        )
    show(certificate, as_json, Path(out))
