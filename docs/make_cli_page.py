"""Paste every command's ``--help`` into ``docs/cli.md``; with ``--check``, fail if the page is stale."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from vidtune.cli import cli

PAGE = Path(__file__).with_name("cli.md")


def help_pages(command: click.Command, name: str, parent: click.Context | None = None) -> list[str]:
    """Return the help of ``command`` and of everything below it as Markdown sections."""
    context = click.Context(command, info_name=name, parent=parent, terminal_width=100, max_content_width=100)
    title = context.command_path
    pages = [f"## {title}\n\n```\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            if found is not None:
                pages += help_pages(found, child, context)
    return pages


def main() -> int:
    """Write the page, or compare it."""
    text = "# Commands\n\nWritten by `make docs` from the commands themselves.\n\n" + "\n".join(
        help_pages(cli, "vidtune")
    )
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text:
        print(f"{PAGE} is stale: run `make docs`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
