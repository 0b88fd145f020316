"""Checks of what the scores are worth: against not looking, against memory, and by the rules they come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidtune.core.wording import counted
from vidtune.evaluation._aggregate import is_clearly_above
from vidtune.evaluation._agreement import is_right
from vidtune.evaluation._evidence import Evidence, Finding
from vidtune.evaluation._predictions import Prediction
from vidtune.evaluation._slices import always_answered_alike, headline_row

_LARGE_SPREAD = 0.05
_MANY_ALIKE_AND_WRONG = 0.1
_MEMORY_ABOVE_PRIOR = 0.1
_MANY_WRONG_REFERENCES = 0.05


def check_blind_prior(evidence: Evidence) -> Finding | None:
    """Hold every score against the best fixed answer to each question, where answers vary."""
    below, level, unclear, compared = [], [], [], 0
    for row in _rows_that_count(evidence).values():
        prior = row["baselines"].get("blind_prior")
        if prior is None:
            continue
        compared += 1
        if row["mean"] < prior["mean"]:
            below.append(_against(row, prior))
        elif row["mean"] == prior["mean"]:
            level.append(_against(row, prior))
        elif not is_clearly_above(prior):
            unclear.append(_against(row, prior))
    if not compared:
        return None
    if below or level:
        parts = [
            "Below the blind prior, the best fixed answer, which looks at no video: " + "; ".join(below) + "."
        ] * bool(below)
        parts += ["Not above the best fixed answer, which looks at no video: " + "; ".join(level) + "."] * bool(level)
        return Finding("blind_prior", "fail", " ".join(parts))
    if unclear:
        message = "Above the best fixed answer without looking, but it could be chance: " + "; ".join(unclear) + "."
        return Finding("blind_prior", "warn", message)
    return Finding("blind_prior", "ok", "Every score is clearly above the best fixed answer, which looks at no video.")


def check_nearest_training(evidence: Evidence) -> Finding | None:
    """Hold every score against the answers of the nearest training samples, and those against the blind prior."""
    not_above, recalled, compared = [], [], 0
    for row in _rows_that_count(evidence).values():
        nearest, prior = row["baselines"].get("nearest_training"), row["baselines"].get("blind_prior")
        if nearest is None:
            continue
        compared += 1
        if not is_clearly_above(nearest):
            not_above.append(_against(row, nearest))
        if prior is not None and nearest["mean"] > prior["mean"] + _MEMORY_ABOVE_PRIOR:
            recalled.append(
                f"{row['label']} {_number(row, nearest['mean'])} from memory, {_number(row, prior['mean'])} blind"
            )
    if not compared:
        return None
    parts = []
    if recalled:
        parts.append(
            "The answer of the nearest training sample tells much without a look at the video: "
            + "; ".join(recalled)
            + "."
        )
    if not_above:
        parts.append("Not clearly above the answer of the nearest training sample: " + "; ".join(not_above) + ".")
    if parts:
        return Finding("nearest_training", "warn", " ".join(parts))
    message = "Every score is clearly above the answer of the nearest training sample, which looks at no video."
    return Finding("nearest_training", "ok", message)


def check_video_use(evidence: Evidence) -> Finding | None:
    """Repeat the verdict of a probe, where there was one."""
    if evidence.probe is None:
        return None
    if evidence.probe["predictions_sha256"] != evidence.predictions_sha256:
        message = "The probe of the video was made of other predictions: give the command with --probe video again."
        return Finding("video_use", "warn", message)
    verdict = evidence.probe["verdict"]
    return Finding("video_use", verdict["status"], verdict["headline"])


def check_single_class(evidence: Evidence) -> Finding | None:
    """Count the samples whose kind of question always has the same answer."""
    answered = evidence.answered
    alike = [sample for sample, is_alike in zip(answered, always_answered_alike(answered), strict=True) if is_alike]
    if not alike:
        return None
    message = (
        f"{len(alike)} of {len(answered):,} samples belong to questions that always have the same answer "
        f"(e.g. {alike[0].question!r:.80}): they cannot show that the video is read"
    )
    if len(alike) == len(answered):
        return Finding("single_class", "fail", message + ".")
    return Finding("single_class", "warn", message + ", and are set apart from the headline.")


def check_exercise_rules(evidence: Evidence) -> Finding | None:
    """Tell how often the published rule for the exercise and ours differ."""
    pairs = [
        (record["exercise_correct"], record["exercise_correct_compat"])
        for record in evidence.scores
        if record.get("exercise_correct") is not None and record.get("exercise_correct_compat") is not None
    ]
    if not pairs:
        return None
    ours, theirs = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    differing = sum(first != second for first, second in pairs)
    message = (
        f"Two rules for the exercise agree on {len(pairs) - differing:,} of {counted(len(pairs), 'answer')}: "
        f"ours finds {ours} right, the published rule (text before the first hyphen) {theirs}."
    )
    unnamed = _references_that_are_wrong(evidence)
    if len(unnamed) > _MANY_WRONG_REFERENCES * len(pairs):
        message += (
            f" {len(unnamed):,} of the reference answers would be wrong by ours, e.g. {unnamed[0].answer!r:.60} of a "
            f"sample of class {unnamed[0].label!r}: label samples as their answers name the exercise, or say what its "
            "other name is with --set aliases.NAME=CLASS."
        )
        return Finding("exercise_rules", "warn", message)
    return Finding("exercise_rules", "warn" if differing > 0.05 * len(pairs) else "ok", message)


def _references_that_are_wrong(evidence: Evidence) -> list[Prediction]:
    """Return the samples whose own reference answer does not name their class: no answer of that kind can be right."""
    catalogue = evidence.catalogue
    if catalogue is None:
        return []
    labelled = [sample for sample in evidence.answered if sample.label in catalogue.classes]
    return [sample for sample in labelled if catalogue.identify(sample.answer) != sample.label]


def check_scorers(evidence: Evidence) -> Finding | None:
    """Tell how far rules that all say right or wrong of the same answers are apart."""
    rules = {row["field"]: row for row in evidence.rows.values() if row["kind"] == "proportion"}
    fields = [field for field in rules if field not in ("exercise_correct", "exercise_correct_compat")]
    if len(fields) < 2 or "feedback_error_correct" in fields:
        return None
    told = ", ".join(f"{rules[field]['label']} {100 * rules[field]['mean']:.1f} %" for field in fields)
    marks = [
        [bool(record[field]) for field in fields]
        for record in evidence.scores
        if all(record.get(field) is not None for field in fields)
    ]
    num_differing = sum(len(set(one)) > 1 for one in marks)
    spread = max(rules[field]["mean"] for field in fields) - min(rules[field]["mean"] for field in fields)
    message = (
        f"{len(fields)} rules judge the same answers: {told}. They agree on {len(marks) - num_differing:,} of "
        f"{len(marks):,}; a score means little without its rule."
    )
    return Finding("scorers", "warn" if spread > _LARGE_SPREAD else "ok", message)


def check_likeness(evidence: Evidence) -> Finding | None:
    """Tell how many answers are worded like the reference and say something else."""
    likeness = next((row for row in evidence.rows.values() if not row["judges_content"] and row["thresholds"]), None)
    if likeness is None:
        return None
    green = [record for record in evidence.scores if is_right(likeness, record)]
    judged = [record for record in green if record.get("feedback_error_correct") is not None]
    if not judged:
        return None
    wrong = sum(not record["feedback_error_correct"] or record.get("is_contradiction") is True for record in judged)
    message = (
        f"Of {len(judged):,} answers that {likeness['label']} calls good, {wrong:,} name the wrong form error or give "
        "the opposite advice."
    )
    return Finding("likeness", "warn" if wrong > _MANY_ALIKE_AND_WRONG * len(judged) else "ok", message)


def _rows_that_count(evidence: Evidence) -> dict[str, Mapping[str, Any]]:
    """Return the rows of our own rules, over the samples whose answers vary."""
    return {name: headline_row(row) for name, row in evidence.rows.items() if not name.endswith("_compat")}


def _against(row: Mapping[str, Any], baseline: Mapping[str, Any]) -> str:
    unit = " %" if row["kind"] == "proportion" else ""
    return f"{row['label']} {_number(row, row['mean']).removesuffix(unit)} against {_number(row, baseline['mean'])}"


def _number(row: Mapping[str, Any], value: float) -> str:
    return f"{100 * value:.1f} %" if row["kind"] == "proportion" else f"{value:.3f}"
