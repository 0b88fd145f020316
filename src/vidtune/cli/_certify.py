"""``vidtune certify``: is this model as good as what it was made from?"""

from __future__ import annotations

from pathlib import Path

import click

from vidtune.cli._certificates import build_certify_config, certificate_options, show
from vidtune.cli._shell import json_option, progress_bar, set_option


@click.command()
@click.argument("candidate", type=click.Path())
@click.option("--reference", required=True, type=click.Path(), help="What is right: a model, an adapter or a run.")
@click.option(
    "--through",
    default="transformers",
    show_default=True,
    type=click.Choice(["transformers", "vidtune"]),
    help="What opens the candidate.",
)
@click.option("--out", type=click.Path(file_okay=False), help="Folder for certificate.json and certificate.txt.")
@certificate_options
@set_option
@json_option
def certify(
    candidate: str,
    reference: str,
    through: str,
    out: str | None,
    data: str | None,
    videos: str | None,
    num_samples: int | None,
    num_frames: int | None,
    device: str,
    overrides: tuple[str, ...],
    as_json: bool,
) -> None:
    """Compare CANDIDATE with a reference, from pixels to greedy answers, and name the first stage that differs.

    Known causes are tested and named: adapter_dropped, frame_order, channel_order, frame_size,
    prompt, padding_side. Above the tolerance the command fails.
    """
    from vidtune.inference.exports import certify_folder

    config = build_certify_config(data, videos, num_samples, num_frames, overrides)
    with progress_bar() as progress:
        certificate = certify_folder(
            candidate,
            reference,
            config,
            through="vidtune" if through == "vidtune" else "transformers",
            device=device,
            progress=progress,
        )
    if out is not None:
        certificate.write(Path(out))
    show(certificate, as_json, None)
