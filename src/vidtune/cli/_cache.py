"""``vidtune data cache``: see and clear the cache of decoded frames."""

from __future__ import annotations

from pathlib import Path

import click

from vidtune.cli._shell import emit, json_option


@click.command()
@click.option(
    "--folder", type=click.Path(file_okay=False), help="The cache; default: vidtune/frames in your cache folder."
)
@click.option("--clear", is_flag=True, help="Remove all frames.")
@json_option
def cache(folder: str | None, clear: bool, as_json: bool) -> None:
    """Show how many decoded frames are kept on disk, or remove them.

    Nothing is kept unless a run was told to: decoded frames show what the videos show.
    """
    from vidtune.media import FrameCache

    frames = FrameCache(None if folder is None else Path(folder))
    num_removed = frames.clear() if clear else 0
    usage = frames.usage()
    record = {
        "folder": str(usage.folder),
        "num_entries": usage.num_entries,
        "size_bytes": usage.size_bytes,
        "num_removed": num_removed,
    }
    found = f"{usage.num_entries:,} clip(s), {usage.size_bytes / 1e6:,.1f} MB" if usage.num_entries else "empty"
    removed = f"{num_removed:,} clip(s) removed; now " if clear else ""
    emit(record, as_json, f"{usage.folder}: {removed}{found}")
