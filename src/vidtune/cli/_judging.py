"""The options of ``vidtune evaluate`` that have predictions judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidtune.cli._shell import CommandT
from vidtune.core.progress import Progress

if TYPE_CHECKING:
    from vidtune.evaluation.judging import ExpertRatings, JudgeConfig, Judging


def judge_options(command: CommandT) -> CommandT:
    """Add the options; ``read_judges`` understands them."""
    for option in reversed(
        (
            click.option(
                "--judge",
                "judges",
                multiple=True,
                metavar="NAME[:TARGET]",
                help="Have the answers judged: rules, local:FOLDER or endpoint:URL. Texts leave only for a URL.",
            ),
            click.option("--judge-rubric", multiple=True, help="Judge by this rubric. [default: feedback_quality]"),
            click.option(
                "--judge-set", multiple=True, metavar="KEY=VALUE", help="One setting of the judges, e.g. model=NAME."
            ),
            click.option("--experts", type=click.Path(), help="Ratings by people (CSV, JSON) to compare judges with."),
        )
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class Judges:
    """Who judges, and what with."""

    configs: tuple[JudgeConfig, ...]
    experts: ExpertRatings | None

    def judge(self, source: Path, baseline: Path | None, progress: Progress) -> list[Judging]:
        """Have one run judged by all."""
        if not self.configs:
            return []
        from vidtune.evaluation.judging import judge_predictions

        found = []
        for config in self.configs:
            found += judge_predictions(source, config, against=baseline, experts=self.experts, progress=progress)
        return found


def read_judges(options: Mapping[str, Any]) -> Judges:
    """Check everything that was said of judges before anything is scored.

    Raises:
        UsageError: If options are given that have no effect.
        ConfigInvalid: If a setting does not fit.
    """
    names: Sequence[str] = options["judges"]
    if not names:
        idle = [f"--{name.replace('_', '-')}" for name in ("judge_rubric", "judge_set", "experts") if options[name]]
        if idle:
            raise click.UsageError(f"{', '.join(idle)} has no effect without --judge.")
        return Judges((), None)
    from vidtune.config import apply_overrides, build_config
    from vidtune.evaluation.judging import JudgeConfig, read_experts

    configs = []
    for name in names:
        backend, _, target = name.partition(":")
        values: dict[str, Any] = {"backend": backend, "target": target or None}
        if options["judge_rubric"]:
            values["rubrics"] = tuple(options["judge_rubric"])
        configs.append(
            build_config(JudgeConfig, apply_overrides(values, options["judge_set"]), source=f"--judge {name}")
        )
    return Judges(tuple(configs), read_experts(Path(options["experts"])) if options["experts"] else None)
