"""``vidtune data cache``: see and clear what is kept on disk between runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from vidtune.cli._shell import emit, json_option
from vidtune.core.wording import counted


@click.command()
@click.option(
    "--folder", type=click.Path(file_okay=False), help="The cache; default: those below vidtune in your cache folder."
)
@click.option("--clear", is_flag=True, help="Remove everything.")
@json_option
def cache(folder: str | None, clear: bool, as_json: bool) -> None:
    """Show what is kept on disk of clips (decoded frames, features of frozen vision towers), or remove it.

    Nothing is kept unless a run was told to: both show what the videos show.
    """
    from vidtune.media import FrameCache
    from vidtune.training import FeatureCache

    record, lines = {}, []
    for kind in (FrameCache, FeatureCache):
        kept = kind(None if folder is None else Path(folder))
        num_removed = kept.clear() if clear else 0
        usage = kept.usage()
        record[kind.name] = {**asdict(usage), "folder": str(usage.folder), "num_removed": num_removed}
        found = (
            f"{counted(usage.num_entries, 'clip')}, {usage.size_bytes / 1e6:,.1f} MB" if usage.num_entries else "empty"
        )
        removed = f"{counted(num_removed, 'clip')} removed; now " if clear else ""
        lines.append(f"{kind.name:9} {usage.folder}: {removed}{found}")
    emit(record, as_json, "\n".join(lines))
