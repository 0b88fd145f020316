"""What ``merge``, ``quantize`` and ``certify`` share: how the certificate is measured, printed and enforced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vidtune.cli._shell import as_overrides, emit

if TYPE_CHECKING:
    from vidtune.inference.exports import Certificate, CertifyConfig

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def certificate_options(command: CommandT) -> CommandT:
    """Add the options that say what the certificate is measured on."""
    for option in (
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:N or mps."),
        click.option("--num-frames", type=click.IntRange(min=1), help="Frames a clip. [default: 8]"),
        click.option("--num-samples", type=click.IntRange(min=1), help="Questions that both are asked. [default: 8]"),
        click.option("--videos", type=click.Path(), help="Folder of the videos of --data."),
        click.option("--data", type=click.Path(), help="Samples to ask about. [default: clips drawn for it]"),
    ):
        command = option(command)
    return command


def build_certify_config(
    data: str | None, videos: str | None, num_samples: int | None, num_frames: int | None, overrides: tuple[str, ...]
) -> CertifyConfig:
    """Return what the options and ``--set`` say."""
    from vidtune.config import load_recipe
    from vidtune.inference.exports import CertifyConfig

    if (data is None) != (videos is None):
        raise click.UsageError("--data and --videos belong together: give both or neither.")
    values = {
        "data.path": data,
        "data.videos": videos,
        "num_samples": num_samples,
        "sampling.num_frames": num_frames,
    }
    return load_recipe(CertifyConfig, None, [*as_overrides(values), *overrides])


def show(certificate: Certificate, as_json: bool, out: Path | None) -> None:
    """Print the certificate, and end with an error if it has not passed."""
    where = "" if out is None else f"\n\nwritten      {out if certificate.has_passed else f'{out}.failed'}"
    emit(certificate.to_record(), as_json, certificate.to_text() + where)
    certificate.require(
        "Do not use it as it is."
        if out is None
        else f"It lies in {out}.failed; use a finer format, or allow more with --set tolerance.…"
    )
