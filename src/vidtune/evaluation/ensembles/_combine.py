"""``ensemble_runs``: several runs over the same samples become one run directory, which says what it is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from vidtune.config import dump_config
from vidtune.core.durable import write_atomic, write_json
from vidtune.core.environment import describe_environment
from vidtune.core.errors import RunMismatch
from vidtune.core.locking import RunLock
from vidtune.core.rundir import RunDirectory
from vidtune.evaluation._config import EvaluateConfig
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._reference import find_reference
from vidtune.evaluation._score import make_context, replace_log
from vidtune.evaluation._scorer import metrics
from vidtune.evaluation.ensembles._config import EnsembleConfig
from vidtune.evaluation.ensembles._members import Member, candidates_for, read_members, recipe_sections
from vidtune.evaluation.ensembles._rule import Candidate, Decision, EnsembleRule, Likeness, ensemble_rules

_UTILITY = "rouge_l"


@dataclass(frozen=True)
class EnsembleSummary:
    """What an ensemble came to."""

    run: Path
    rule: str
    members: tuple[str, ...]
    num_samples: int
    num_ok: int
    num_unanimous: int
    """Samples of which all members that answered say the same."""

    mean_support: float | None

    @property
    def num_errors(self) -> int:
        """Samples that no member answered."""
        return self.num_samples - self.num_ok

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**self.__dict__, "run": str(self.run), "members": list(self.members)}

    def to_text(self) -> str:
        """Return it for people."""
        support = "" if self.mean_support is None else f", mean support {self.mean_support:.2f}"
        return (
            f"{self.run}: {len(self.members)} runs by {ensemble_rules.get(self.rule).label}; {self.num_ok} of "
            f"{self.num_samples} samples answered, all agree on {self.num_unanimous}{support}"
        )


def ensemble_runs(config: EnsembleConfig, run: RunDirectory, scoring: EvaluateConfig | None = None) -> EnsembleSummary:
    """Combine the members' predictions into ``run``.

    Nothing is asked of any model. A sample that some members failed is decided by the others; one that all failed is
    an error. Times are those of all members together: that is what the answer cost.

    Args:
        config: Members and rule.
        run: A new directory, or one that the same ensemble is in: its predictions are then replaced whole.
        scoring: How validation runs are scored, and what the metric of likeness knows.

    Raises:
        BadUsage: If confidences cannot be compared.
        RunMismatch: If members do not answer the same questions, or ``run`` holds something else.
    """
    rule = ensemble_rules.get(config.rule)
    scoring = scoring or EvaluateConfig(with_bert=False)
    members = read_members(config, rule, scoring)
    samples = members[0].file.predictions
    found = [candidates_for(members, one.sample_id) for one in samples]
    likeness = _likeness(found, samples, members, config, scoring) if rule.needs_likeness else [None] * len(found)
    records = [
        _record(members, one, candidates, _decide(rule, candidates, alike), config.rule)
        for one, candidates, alike in zip(samples, found, likeness, strict=True)
    ]
    with RunLock(run.path):
        _claim(run, config.model_copy(update=recipe_sections(members[0])))
        inputs = {"members": [member.to_record() for member in members]}
        environment = {**describe_environment(("vidtune",)), "num_expected": len(records), "inputs": inputs}
        write_json(run.environment, environment)
        replace_log(run.predictions, records)
    supports = [record["consistency"] for record in records if record["status"] == "ok"]
    return EnsembleSummary(
        run.path,
        config.rule,
        tuple(str(path) for path in config.members),
        len(records),
        len(supports),
        sum(bool(candidates) and len({one.key for one in candidates}) == 1 for candidates in found),
        fmean(supports) if supports else None,
    )


def _decide(rule: EnsembleRule, candidates: Sequence[Candidate], likeness: Likeness | None) -> Decision | None:
    return rule.decide(candidates, likeness) if candidates else None


def _claim(run: RunDirectory, config: EnsembleConfig) -> None:
    text = dump_config(config)
    is_other = run.recipe.exists() and run.recipe.read_text(encoding="utf-8", errors="replace") != text
    if is_other or (run.predictions.exists() and not run.recipe.exists()):
        raise RunMismatch(f"{run.path} holds another run.", "Give another directory with --out.")
    write_atomic(run.recipe, text)


def _likeness(
    found: Sequence[Sequence[Candidate]],
    samples: Sequence[Prediction],
    members: Sequence[Member],
    config: EnsembleConfig,
    scoring: EvaluateConfig,
) -> list[Likeness | None]:
    """Return how alike the candidates of each sample are, by one call of the metric over all pairs of all samples."""
    metric = metrics.get(config.utility or _UTILITY)
    file = members[0].file
    reference = find_reference(file.predictions, file.run, scoring.reference)
    context = make_context(file.predictions, reference, scoring)
    texts, truths = [], []
    for one, candidates in zip(samples, found, strict=True):
        for first in candidates:
            for second in candidates:
                texts.append(first.text)
                # The other candidate is the truth, and nothing else is known of it.
                truths.append(replace(one, answer=second.text, meta={}, errors=None))
    values = iter(score.value for score in metric.compute(texts, truths, context)) if texts else iter(())
    return [
        [[max(0.0, next(values) or 0.0) for _ in candidates] for _ in candidates] if candidates else None
        for candidates in found
    ]


def _record(
    members: Sequence[Member],
    one: Prediction,
    candidates: Sequence[Candidate],
    decision: Decision | None,
    rule: str,
) -> dict[str, Any]:
    """Return the record of one sample: that of the member whose answer is given, and what the others said."""
    if decision is None:
        failed = {key: value for key, value in one.record.items() if key != "timings_s"}
        return {**failed, "sample_id": one.sample_id, "timings_s": _timings(members, one.sample_id), "ensemble": rule}
    chosen = candidates[decision.index]
    source = members[chosen.member].by_id[one.sample_id].record
    known = {key: value for key, value in source.items() if key not in ("strip", "confidence", "probabilities")}
    shares: dict[str, float] = defaultdict(float)
    for candidate in candidates:
        shares[candidate.key] += 1 / len(candidates)
    return {
        **known,
        "sample_id": one.sample_id,
        "status": "ok",
        "prediction": chosen.text,
        "strip": None,
        "timings_s": _timings(members, one.sample_id),
        "consistency": round(decision.support, 6),
        "confidence": round(decision.support, 6),
        "probabilities": {key: round(share, 6) for key, share in shares.items()},
        "ensemble": rule,
        "candidates": [
            {"member": candidate.member, "prediction": candidate.text, "confidence": candidate.confidence}
            for candidate in candidates
        ],
        "chosen": chosen.member,
    }


def _timings(members: Sequence[Member], sample_id: str) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for member in members:
        for name, seconds in (member.by_id[sample_id].record.get("timings_s") or {}).items():
            total[name] += float(seconds)
    return {name: round(seconds, 6) for name, seconds in total.items()}
