"""Reading the runs of an ensemble, and seeing that they belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidtune.core.durable import read_json
from vidtune.core.errors import BadUsage, RunMismatch
from vidtune.evaluation._confidence import FittedConfidence, check_apart, fit_confidence, signals_of
from vidtune.evaluation._config import EvaluateConfig
from vidtune.evaluation._predictions import Prediction, PredictionFile, read_predictions
from vidtune.evaluation._reference import read_recipe
from vidtune.evaluation.ensembles._config import EnsembleConfig
from vidtune.evaluation.ensembles._rule import Candidate, EnsembleRule
from vidtune.metrics import extract_choice, normalise_answer

_MAX_NAMED = 3


@dataclass(frozen=True)
class Member:
    """One run of an ensemble."""

    file: PredictionFile
    by_id: dict[str, Prediction]
    fitted: FittedConfidence | None
    model: Any
    """What its environment says of the weights; None where nothing says it."""

    def confidence_of(self, one: Prediction) -> float | None:
        """Return how sure it was: calibrated where it can be, else its support or token probability."""
        if self.fitted is not None:
            return self.fitted.confidence_of(one.record)
        signals = signals_of(one.record)
        return signals.get("consistency", signals.get("token_probability"))

    def to_record(self) -> dict[str, Any]:
        """Return what it is, with hashes."""
        return {
            "run": str(self.file.run.path),
            "predictions": self.file.path.name,
            "predictions_sha256": self.file.sha256,
            "model": self.model,
            "calibrated_on_sha256": self.fitted.predictions_sha256 if self.fitted else None,
            "calibrator": {"signal": self.fitted.signal, **self.fitted.calibrator.to_record()} if self.fitted else None,
        }


def read_members(config: EnsembleConfig, rule: EnsembleRule, scoring: EvaluateConfig) -> list[Member]:
    """Read all members, calibrated where the recipe says on what.

    Raises:
        RunMismatch: If they do not answer the same questions.
        BadUsage: If confidences would be compared that mean different things, or calibration runs do not fit.
    """
    validations = _validations(config)
    members = []
    fitted: dict[Path, FittedConfidence] = {}
    for path, validation in zip(config.members, validations, strict=True):
        file = read_predictions(path)
        if validation is not None and validation not in fitted:
            fitted[validation] = fit_confidence(validation, scoring)
        learnt = fitted[validation] if validation is not None else None
        if learnt is not None:
            check_apart(file, learnt)
        members.append(Member(file, {one.sample_id: one for one in file.predictions}, learnt, _model_of(file)))
    _check_same_questions(members)
    models = {str(member.model) for member in members}
    if rule.needs_comparable and not config.calibrate_on and (len(models) > 1 or members[0].model is None):
        raise BadUsage(
            f"the rule {config.rule!r} compares how sure different models are, which means different things.",
            "Add --calibrate-on with a validation run of each, in the same order.",
        )
    return members


def candidates_for(members: Sequence[Member], sample_id: str) -> list[Candidate]:
    """Return what the members answered; those that failed are left out."""
    found = []
    for number, member in enumerate(members):
        one = member.by_id[sample_id]
        if one.text is None:
            continue
        told = one.record.get("probabilities")
        probabilities = {str(key): float(value) for key, value in told.items()} if isinstance(told, dict) else {}
        found.append(Candidate(number, one.text, answer_key(one), member.confidence_of(one), probabilities))
    return found


def answer_key(one: Prediction) -> str:
    """Return what is the same for answers that say the same."""
    if len(one.options) >= 2:
        choice = extract_choice(one.text or "", one.options)
        if choice.index is not None:
            return f"option {choice.index}"
    return normalise_answer(one.text or "")


def recipe_sections(member: Member) -> dict[str, Any]:
    """Return model and data of a member's recipe; empty where it has none."""
    recipe = read_recipe(member.file.run)
    return {name: dict(section) for name in ("model", "data") if isinstance(section := recipe.get(name), dict)}


def _validations(config: EnsembleConfig) -> list[Path | None]:
    given = config.calibrate_on
    if not given:
        return [None] * len(config.members)
    if len(given) == 1:
        return [given[0]] * len(config.members)
    if len(given) != len(config.members):
        raise BadUsage(
            f"{len(given)} runs to calibrate on and {len(config.members)} members.",
            "Give one for each member in the same order, or one for all.",
        )
    return list(given)


def _model_of(file: PredictionFile) -> Any:
    if not file.run.environment.is_file():
        return None
    environment = read_json(file.run.environment)
    inputs = environment.get("inputs") if isinstance(environment, dict) else None
    found = {name: inputs[name] for name in ("model", "adapter") if name in inputs} if isinstance(inputs, dict) else {}
    return found or None


def _check_same_questions(members: Sequence[Member]) -> None:
    first = members[0]
    for member in members[1:]:
        only = sorted(first.by_id.keys() ^ member.by_id.keys())
        other = sorted(
            sample_id
            for sample_id in first.by_id.keys() & member.by_id.keys()
            if _question(first.by_id[sample_id]) != _question(member.by_id[sample_id])
        )
        if only or other:
            named = ", ".join((only or other)[:_MAX_NAMED])
            what = f"{len(only)} samples are in one alone" if only else f"{len(other)} samples are asked otherwise"
            raise RunMismatch(
                f"{first.file.run.path} and {member.file.run.path} cannot be one ensemble: {what}, e.g. {named}.",
                "Predict the same data file with each, to the end.",
            )


def _question(one: Prediction) -> tuple[str, str, str]:
    return one.video, one.question, one.answer
