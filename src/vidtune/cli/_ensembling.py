"""The options of ``vidtune evaluate`` and ``predict`` that make one answer of several, or calibrate confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidtune.cli._shell import CommandT
from vidtune.core.progress import Progress

if TYPE_CHECKING:
    from vidtune.core.rundir import RunDirectory
    from vidtune.evaluation.ensembles import EnsembleSummary
    from vidtune.inference import PredictConfig

_RULE_HELP = "vote, probability, confidence, or minimum_risk[:METRIC]."


def ensemble_options(command: CommandT) -> CommandT:
    """Add the options of ``evaluate``; ``read_combining`` understands them."""
    for option in reversed(
        (
            click.option("--ensemble", metavar="RULE", help=f"Make one run of PREDICTIONS in --out: {_RULE_HELP}"),
            click.option("--out", type=click.Path(file_okay=False), help="With --ensemble: the new run directory."),
            click.option(
                "--calibrate-on",
                multiple=True,
                type=click.Path(),
                help="Calibrate confidence on this validation run; with --ensemble one for each run, or one.",
            ),
            click.option(
                "--max-risk",
                type=click.FloatRange(0, 1),
                help="With --calibrate-on: the share of wrong answers up to which to answer.",
            ),
        )
    ):
        command = option(command)
    return command


def variant_options(command: CommandT) -> CommandT:
    """Add the options of ``predict``; ``predict_ensemble`` understands them."""
    for option in reversed(
        (
            click.option(
                "--samples", type=click.IntRange(2, 64), help="Draw so many answers to each question and choose one."
            ),
            click.option(
                "--augment",
                multiple=True,
                metavar="KEY=VALUE[+...]",
                help="Also ask with this setting, e.g. sampling.kind=motion or augment=mirror, and choose one answer.",
            ),
            click.option("--ensemble", metavar="RULE", help=f"How it is chosen: {_RULE_HELP} [default: vote]"),
        )
    ):
        command = option(command)
    return command


@dataclass(frozen=True)
class Combining:
    """What is done to runs before they are scored."""

    rule: str | None
    utility: str | None
    out: Path | None
    calibrate_on: tuple[Path, ...]
    max_risk: float | None

    def combine(self, sources: Sequence[str]) -> tuple[list[str], str]:
        """Return the runs to score, and what was done for people."""
        if self.rule is None or self.out is None:
            return list(sources), ""
        from vidtune.core.rundir import RunDirectory
        from vidtune.evaluation.ensembles import ensemble_runs

        summary = ensemble_runs(
            _config(self.rule, self.utility, [Path(source) for source in sources], self.calibrate_on),
            RunDirectory(self.out),
        )
        return [str(self.out)], summary.to_text()

    def calibrate(self, source: Path) -> dict[str, Any] | None:
        """Write the calibrated confidence of a run that is scored, and return its summary; None where not asked."""
        if self.rule is not None or not self.calibrate_on:
            return None
        from vidtune.evaluation import EvaluateConfig, calibrate_confidence

        return calibrate_confidence(
            source, self.calibrate_on[0], EvaluateConfig(with_bert=False), max_risk=self.max_risk
        )


def read_combining(options: Mapping[str, Any], num_sources: int) -> Combining:
    """Check what was said.

    Raises:
        UsageError: If options do not fit each other.
    """
    rule, utility = _split(options["ensemble"])
    calibrate_on = tuple(Path(path) for path in options["calibrate_on"])
    if (rule is None) != (options["out"] is None):
        raise click.UsageError("--ensemble and --out go together: the rule, and where the new run goes.")
    if rule is not None and num_sources < 2:
        raise click.UsageError("--ensemble needs at least two runs.")
    if options["max_risk"] is not None and (not calibrate_on or rule is not None):
        raise click.UsageError("--max-risk needs --calibrate-on, and has no effect with --ensemble.")
    if rule is None and len(calibrate_on) > 1:
        raise click.UsageError("several --calibrate-on have no effect without --ensemble.")
    out = Path(options["out"]) if options["out"] else None
    return Combining(rule, utility, out, calibrate_on, options["max_risk"])


def asks_for_several(options: Mapping[str, Any]) -> bool:
    """Return whether several answers to each question are wanted.

    Raises:
        UsageError: If a rule is named that has nothing to choose from.
    """
    if options["samples"] or options["augment"]:
        return True
    if options["ensemble"]:
        raise click.UsageError("--ensemble has no effect without --samples or --augment.")
    return False


def predict_ensemble(
    config: PredictConfig, run: RunDirectory, options: Mapping[str, Any], progress: Progress
) -> EnsembleSummary:
    """Ask in all ways, each into its own run directory below ``run``, and make one run of them."""
    from vidtune.evaluation.ensembles import ensemble_runs
    from vidtune.inference import list_variants, predict_variants

    rule, utility = _split(options["ensemble"] or "vote")
    ensemble = _config(rule, utility, [run.path], ())  # a rule that is none is told before anything is asked
    variants = list_variants(config, num_samples=options["samples"] or 0, augment=options["augment"])
    members = predict_variants(variants, run, progress)
    return ensemble_runs(ensemble.model_copy(update={"members": tuple(members)}), run)


def _split(rule: str | None) -> tuple[str | None, str | None]:
    name, _, utility = (rule or "").partition(":")
    return name or None, utility or None


def _config(rule: str | None, utility: str | None, members: Sequence[Path], calibrate_on: Sequence[Path]) -> Any:
    from vidtune.config import build_config
    from vidtune.evaluation.ensembles import EnsembleConfig

    values: dict[str, Any] = {"rule": rule, "members": tuple(members), "calibrate_on": tuple(calibrate_on)}
    return build_config(EnsembleConfig, values | ({"utility": utility} if utility else {}), source="--ensemble")
