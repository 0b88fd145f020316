"""The result in plain words: what was asked, how well it went, and whether it can be trusted."""

from __future__ import annotations

from typing import Any

from vidtune.evaluation._aggregate import is_clearly_above

_HEADLINE_ORDER = ("exercise_identification", "feedback_error", "rouge_l", "meteor", "bert_similarity")


def write_verdict(metrics: dict[str, Any], *, num_questions: int, pack: str | None) -> dict[str, Any]:
    """Return headline and sentences for the contents of ``metrics.json``; nothing is claimed beyond them."""
    rows = metrics["metrics"]
    setting = f"on a generated pack ({pack})" if pack else "on this data set"
    leading = [name for name in _HEADLINE_ORDER if name in rows][:2]
    if not leading:
        failed = f"All {metrics['num_samples']:,} samples failed" if not metrics["num_scored"] else "No metric applies"
        return {
            "headline": f"{failed}: there is nothing to judge.",
            "sentences": [_asked(metrics, num_questions, pack)],
        }
    problems = [finding for finding in metrics["trust"] if finding["status"] == "fail"]
    warnings = [finding for finding in metrics["trust"] if finding["status"] == "warn"]
    sentences = [_asked(metrics, num_questions, pack)]
    sentences += [_describe(rows[name]) for name in leading]
    sentences += [_text_scores(rows)] if any(row["kind"] == "score" for row in rows.values()) else []
    sentences += [_trust(problems, warnings)]
    if pack:
        sentences.append("Generated clips show that the machinery works; they do not show how real people would fare.")
    headline = f"{_headline(rows[leading[0]])} {setting}"
    if problems:
        headline += f", but {len(problems)} trust check{'s' * (len(problems) > 1)} failed"
    return {"headline": headline + ".", "sentences": sentences}


def _asked(metrics: dict[str, Any], num_questions: int, pack: str | None) -> str:
    failed = f"; {metrics['num_errors']:,} failed and are in no mean" if metrics["num_errors"] else ""
    questions = "one question" if num_questions == 1 else f"{num_questions:,} different questions"
    source = f" of a generated pack ({pack})" if pack else ""
    units = {"subject": "people", "video": "videos", "sample": "samples"}[metrics["cluster"]]
    from_whom = f" from {metrics['num_clusters']:,} {units}" if metrics["cluster"] != "sample" else ""
    return (
        f"The model was asked {questions} about {metrics['num_samples']:,} samples{source}{from_whom}; "
        f"{metrics['num_scored']:,} answers were scored{failed}."
    )


def _headline(row: dict[str, Any]) -> str:
    prior = row["baselines"].get("blind_prior")
    told = f"{row['label']}: {_number(row, row['mean'])}"
    if prior is None:
        return told
    if row["mean"] <= prior["mean"]:
        return f"{told}, no better than a constant answer ({_number(row, prior['mean'])}),"
    if not is_clearly_above(prior):
        return f"{told}, not clearly above a constant answer ({_number(row, prior['mean'])}),"
    return f"{told}, against {_number(row, prior['mean'])} for a constant answer,"


def _describe(row: dict[str, Any]) -> str:
    parts = [f"{row['label']} is {_number(row, row['mean'])}{_interval(row)} over {row['num_scored']:,} answers"]
    for name, words in (
        ("blind_prior", "the best answer without looking at the video"),
        ("per_exercise_majority", "the best answer given only the exercise"),
    ):
        baseline = row["baselines"].get(name)
        if baseline is None:
            continue
        parts.append(f"{words} scores {_number(row, baseline['mean'])} ({_gain(row, baseline)})")
    return "; ".join(parts) + "."


def _text_scores(rows: dict[str, Any]) -> str:
    scores = [row for row in rows.values() if row["kind"] == "score"]
    listed = ", ".join(
        f"{row['label']} {row['mean']:.3f}"
        + (
            f" (constant answer {row['baselines']['blind_prior']['mean']:.3f})"
            if "blind_prior" in row["baselines"]
            else ""
        )
        for row in scores
    )
    return (
        f"Likeness to the reference text: {listed}; it counts words and topics and can be high for the opposite advice."
    )


def _gain(row: dict[str, Any], baseline: dict[str, Any]) -> str:
    gain = f"difference {_number(row, baseline['difference'], signed=True)}"
    if baseline["ci_low"] is None:
        return f"{gain}, no interval"
    low, high = (_number(row, baseline[key], signed=True) for key in ("ci_low", "ci_high"))
    return f"{gain}, interval {low} to {high}"


def _interval(row: dict[str, Any]) -> str:
    if row["ci_low"] is None:
        return f" (no interval: {row['interval_method'].removeprefix('none: ')})"
    return f" ({row['confidence']:.0%} interval {_number(row, row['ci_low'])} to {_number(row, row['ci_high'])})"


def _trust(problems: list[dict[str, str]], warnings: list[dict[str, str]]) -> str:
    if problems:
        return "These scores should not be relied on yet: " + " ".join(finding["message"] for finding in problems)
    if warnings:
        return "Read with care: " + " ".join(finding["message"] for finding in warnings)
    return "No trust check raised a doubt."


def _number(row: dict[str, Any], value: float, *, signed: bool = False) -> str:
    if row["kind"] == "proportion":
        return f"{100 * value:+.1f} points" if signed else f"{100 * value:.1f} %"
    return f"{value:+.3f}" if signed else f"{value:.3f}"
