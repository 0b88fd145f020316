"""``judge_predictions``: controls, then predictions, then what both come to; resumable at any point."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from vidtune.config import config_hash
from vidtune.core.durable import write_json
from vidtune.core.errors import BadUsage
from vidtune.core.hashing import hash_json
from vidtune.core.locking import RunLock
from vidtune.core.progress import Progress, silent
from vidtune.core.registry import Registry
from vidtune.evaluation._config import EvaluateConfig
from vidtune.evaluation._predictions import PredictionFile, read_predictions
from vidtune.evaluation._reference import find_reference
from vidtune.evaluation._score import make_context
from vidtune.evaluation.judging._asking import Asking
from vidtune.evaluation.judging._backend import OpenJudge, judge_backends
from vidtune.evaluation.judging._config import JudgeConfig
from vidtune.evaluation.judging._control import choose_samples, judge_controls
from vidtune.evaluation.judging._experts import ExpertRatings, agreement_block, require_known
from vidtune.evaluation.judging._questions import control_questions, observe, sample_questions
from vidtune.evaluation.judging._rubric import Rubric, judge_rubrics
from vidtune.evaluation.judging._summary import (
    missing_block,
    preference_block,
    score_block,
    values_by_sample,
    verdict_of,
)

SCHEMA = 1
_PAIR_RUBRIC = "pairwise"


@dataclass(frozen=True)
class Judging:
    """What a judge said by one rubric."""

    summary_path: Path
    log_path: Path
    summary: dict[str, Any]
    """See ``docs/judging.md``."""

    def to_record(self) -> dict[str, Any]:
        """Return the summary as JSON values."""
        return self.summary

    def to_text(self) -> str:
        """Return verdict, scores and controls for people."""
        from vidtune.evaluation.judging._text import judging_text

        return judging_text(self.summary)


def judge_predictions(
    source: Path,
    config: JudgeConfig,
    *,
    against: Path | None = None,
    experts: ExpertRatings | None = None,
    scoring: EvaluateConfig | None = None,
    progress: Progress = silent,
) -> list[Judging]:
    """Have predictions judged by each rubric, and leave replies and summaries in the run's folder ``judge``.

    The controls come first. Whether the judge failed them is written into each row of a prediction and into the
    summary. Stopped at any point, the same call goes on where it was; nothing is asked twice.

    Args:
        source: A run directory or a file of predictions.
        config: Who judges, and how.
        against: For the rubric ``pairwise``: the run that the predictions are compared with.
        experts: Ratings of the same answers by people; how far the judge agrees with them goes into the summary.
        scoring: Aliases, lexicon and reference of the scores, for a judge that reads by rules.
        progress: Told how far it is.

    Returns:
        One judging for each rubric.

    Raises:
        BadUsage: If rubric, back end or target do not fit; nothing was asked.
        DataInvalid: If the experts have rated no sample of the run; nothing was asked.
        JudgeUnavailable: If the judge does not answer; what it said so far is on disk.
        JudgeRefuses: If it takes none of the questions.
    """
    rubrics = [_part(judge_rubrics, name) for name in config.rubrics]
    backend = _part(judge_backends, config.backend)
    if backend.takes_target and config.target is None:
        raise BadUsage(
            f"the judge {config.backend!r} needs to be told which.", f"Write --judge {config.backend}:TARGET."
        )
    if any(rubric.kind == "pair" for rubric in rubrics) and against is None:
        raise BadUsage(f"the rubric {_PAIR_RUBRIC!r} compares two runs, and one is given.", "Add --baseline RUN.")
    file = read_predictions(Path(source))
    if experts is not None:
        require_known(experts, {one.sample_id for one in file.predictions})
    other = read_predictions(Path(against)) if against is not None else None
    scoring = scoring or EvaluateConfig(with_bert=False)
    reference = find_reference(file.predictions, file.run, scoring.reference)
    context = make_context(file.predictions, reference, scoring)
    with RunLock(file.run.judge):
        judge = backend.open(config, context)
        try:
            return [_judge_by(rubric, judge, file, other, config, experts, progress) for rubric in rubrics]
        finally:
            judge.close()


def _judge_by(
    rubric: Rubric,
    judge: OpenJudge,
    file: PredictionFile,
    other: PredictionFile | None,
    config: JudgeConfig,
    experts: ExpertRatings | None,
    progress: Progress,
) -> Judging:
    name = f"{rubric.name}.{_slug(config)}"
    folder = file.run.judge
    asking = Asking(judge, folder / f"{name}.jsonl", config.max_attempts)
    identity = {**judge.identity, "max_new_tokens": config.max_new_tokens, "max_attempts": config.max_attempts}
    controls = [judge_controls.get(one) for one in judge_controls.names()]
    known_answers = choose_samples(file.predictions, config.num_control_items, config.seed)
    cases = control_questions(controls, known_answers, rubric, judge_rubrics.get(_PAIR_RUBRIC), identity)
    others = {one.sample_id: one.text for one in other.answered if one.text is not None} if other else {}
    questions = sample_questions(file.predictions, others, rubric, identity)
    observed = observe(asking.ask(cases, None, progress, f"controls of {name}"), rubric.kind)
    findings = [control.find(observed) for control in controls]
    verdict = verdict_of(findings)
    is_failed = verdict["status"] == "failed"
    asking.settle([*cases, *questions], is_failed)
    rows = asking.ask(questions, is_failed, progress, f"judge {name}")
    summary: dict[str, Any] = {
        "schema": SCHEMA,
        "name": name,
        "rubric": rubric.name,
        "label": rubric.label,
        "scale": [1, 5] if rubric.kind == "single" else [-1, 1],
        "judge": dict(identity),
        "sent_to": judge.sends_to,
        "config_hash": config_hash(config),
        "predictions": file.path.name,
        "predictions_sha256": file.sha256,
        "against_sha256": other.sha256 if other else None,
        "num_samples": len(file.predictions),
        "verdict": verdict,
        "controls": [finding.to_record() for finding in findings],
        "scores": score_block(rows, file.predictions, rubric),
        "missing": missing_block(rows, file.predictions),
    }
    if rubric.kind == "pair":
        summary["preference"] = preference_block(rows)
    if experts is not None:
        summary["agreement"] = agreement_block(
            values_by_sample(rows, rubric), experts, {one.sample_id for one in file.predictions}
        )
    path = folder / f"{name}.json"
    write_json(path, summary)
    return Judging(path, folder / f"{name}.jsonl", summary)


def _part(registry: Registry[Any], name: str) -> Any:
    try:
        return registry.get(name)
    except LookupError as exc:
        raise BadUsage(str(exc), "Name one that there is.") from exc


def _slug(config: JudgeConfig) -> str:
    """Return a file name for the judge: readable, safe on any disk, different for different judges."""
    if config.target is None:
        return config.backend
    parts = urlsplit(config.target)
    known = config.model or PurePosixPath(parts.path).name or parts.netloc or config.target
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", known).strip("-")[:40] or "model"
    return f"{config.backend}-{readable}-{hash_json([config.target, config.model])[:8]}"
