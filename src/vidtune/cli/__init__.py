"""The command line: one file per command; each parses, calls one function and prints.

Nothing heavy is imported until a command runs, so that ``vidtune --help`` answers at once.
"""

from __future__ import annotations

import sys

import click

import vidtune

_COMMANDS = {
    "demo": ("vidtune.cli._demo:demo", "The main job on the embedded default, end to end."),
    "doctor": ("vidtune.cli._doctor:doctor", "Check environment, data and media before anything is spent."),
    "data": ("vidtune.cli._data:data", "Make, check, split and describe data sets."),
    "frames": ("vidtune.cli._frames:frames", "Choose frames of a video and show which and why."),
    "train": ("vidtune.cli._train:train", "Fine-tune a model as a recipe says."),
    "predict": ("vidtune.cli._predict:predict", "Run a model over a data set."),
    "evaluate": ("vidtune.cli._evaluate:evaluate", "Score predictions and write the reports."),
    "report": ("vidtune.cli._report:report", "Make every report of scored runs again."),
    "compare": ("vidtune.cli._compare:compare", "Compare runs on the same samples."),
    "card": ("vidtune.cli._card:card", "Write the model card of a training run."),
    "merge": ("vidtune.cli._merge:merge", "Work an adapter into its base, with a certificate."),
    "quantize": ("vidtune.cli._quantize:quantize", "Store a model in fewer bits, with a certificate."),
    "certify": ("vidtune.cli._certify:certify", "Compare a model with what it was made from, stage by stage."),
}


class _LazyGroup(click.Group):
    """A group that knows its commands' names and one-line helps without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        import importlib

        module_name, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module_name), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(vidtune.__version__, prog_name="vidtune")
@click.option("--traceback", is_flag=True, help="Show the full Python traceback of an error.")
def cli(traceback: bool) -> None:
    """Adapt a video-language model to your domain, and know whether it really works."""


def main() -> None:
    """Run the command line: errors become one line on stderr and an exit status."""
    from vidtune.cli._shell import run_guarded

    sys.exit(run_guarded(cli))
