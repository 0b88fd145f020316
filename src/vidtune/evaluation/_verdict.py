"""The result in plain words: what was asked, how well it went, and whether it can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vidtune.core.wording import counted
from vidtune.evaluation._aggregate import is_clearly_above
from vidtune.evaluation._predictions import describe_unfinished
from vidtune.evaluation._setup import describe_setup
from vidtune.evaluation._slices import headline_row


def write_verdict(
    metrics: dict[str, Any], *, num_questions: int, pack: str | None, headline: Sequence[str]
) -> dict[str, Any]:
    """Return headline and sentences for the contents of ``metrics.json``; nothing is claimed beyond them.

    Args:
        metrics: The contents, less the verdict.
        num_questions: Different questions that were asked.
        pack: Name of the generated pack that the data is of.
        headline: Metrics that lead, in order; the first two that apply are spoken of.
    """
    rows = metrics["metrics"]
    setting = f"on a generated pack ({pack})" if pack else "on this data set"
    leading = [name for name in headline if name in rows][:2]
    unfinished = describe_unfinished(metrics["num_samples"], metrics["num_expected"])
    if not leading:
        failed = f"All {metrics['num_samples']:,} samples failed" if not metrics["num_scored"] else "No metric applies"
        part = f"{unfinished}. " if unfinished else ""
        return {
            "headline": f"{part}{failed}: there is nothing to judge.",
            "sentences": [_asked(metrics, num_questions, pack)],
        }
    problems = [finding for finding in metrics["trust"] if finding["status"] == "fail"]
    warnings = [finding for finding in metrics["trust"] if finding["status"] == "warn"]
    sentences = [_asked(metrics, num_questions, pack)]
    sentences += [_describe(headline_row(rows[name])) for name in leading]
    scores = [row for name, row in rows.items() if row["kind"] == "score" and name not in leading]
    sentences += [_describe(row) for row in scores if row["judges_content"]]
    likenesses = [row for row in scores if not row["judges_content"]]
    sentences += [_text_scores(likenesses)] if likenesses else []
    sentences += describe_setup(metrics["setup"])
    sentences += [_trust(problems, warnings)]
    if pack:
        sentences.append("Generated clips show that the machinery works; they do not show how real people would fare.")
    lines = [*([unfinished] if unfinished else []), _headline(headline_row(rows[leading[0]]), metrics, setting)]
    lines += _set_apart(rows[leading[0]])
    lines += [weakness for name in leading[1:] if (weakness := _weakness(headline_row(rows[name])))]
    if metrics["num_errors"]:
        lines.append(f"{metrics['num_errors']:,} of {metrics['num_samples']:,} samples failed and are not counted")
    if problems:
        lines.append(f"{len(problems)} trust check{'s' * (len(problems) > 1)} failed")
    return {"headline": " ".join(f"{sentence}." for sentence in lines), "sentences": sentences}


def _asked(metrics: dict[str, Any], num_questions: int, pack: str | None) -> str:
    failed = f"; {metrics['num_errors']:,} failed and are in no mean" if metrics["num_errors"] else ""
    questions = "one question" if num_questions == 1 else f"{num_questions:,} different questions"
    source = f" of the pack {pack}" if pack else ""
    drawn = "generated " if pack else ""
    from_whom = f" from {_units(metrics, drawn=drawn)}" if metrics["cluster"] != "sample" else ""
    return (
        f"The model was asked {questions} about {counted(metrics['num_samples'], 'sample')}{source}{from_whom}; "
        f"{counted(metrics['num_scored'], 'answer')} {'was' if metrics['num_scored'] == 1 else 'were'} scored{failed}."
    )


def _units(metrics: dict[str, Any], *, drawn: str = "") -> str:
    """Return the number of what is independent, people before clips; ``drawn`` goes before them."""
    one, many = {"subject": ("person", "people"), "video": ("video", "videos"), "sample": ("sample", "samples")}[
        metrics["cluster"]
    ]
    return f"{metrics['num_clusters']:,} {drawn}{one if metrics['num_clusters'] == 1 else many}"


def _headline(row: dict[str, Any], metrics: dict[str, Any], setting: str) -> str:
    from_whom = f" from {_units(metrics)}" if metrics["cluster"] != "sample" else ""
    of = (
        f"{'of' if row['kind'] == 'proportion' else 'over'} {counted(row['num_scored'], 'answer')}{from_whom} {setting}"
    )
    told = f"{row['label']}: {_number(row, row['mean'])} {of}"
    prior = row["baselines"].get("blind_prior")
    if prior is None:
        return told
    blind = _number(row, prior["mean"])
    if row["mean"] < prior["mean"]:
        return f"{told}, below the blind prior: worse than without looking ({blind})"
    if row["mean"] == prior["mean"]:
        return f"{told}, no better than without looking ({blind})"
    if not is_clearly_above(prior):
        return f"{told}, not clearly better than without looking ({blind})"
    return f"{told}, against {blind} without looking"


def _weakness(row: dict[str, Any]) -> str:
    """Return a warning where a second score says nothing good, which must not hide behind the first; else ""."""
    prior = row["baselines"].get("blind_prior")
    if prior is None or is_clearly_above(prior):
        return ""
    if row["mean"] < prior["mean"]:
        return f"{row['label']}: below the blind prior, worse than without looking"
    how = "no" if row["mean"] == prior["mean"] else "not clearly"
    return f"{row['label']}: {how} better than without looking"


def _set_apart(row: dict[str, Any]) -> list[str]:
    """Tell how many answers are not in the headline because their questions always have the same one."""
    if not row.get("where_answers_vary"):
        return []
    num_apart = row["num_scored"] - row["where_answers_vary"]["num_scored"]
    return [
        f"{num_apart:,} answers to questions that always have the same answer are set apart "
        f"({_number(row, row['mean'])} with them)"
    ]


def _describe(row: dict[str, Any]) -> str:
    parts = [
        f"{row['label']} is {_number(row, row['mean'])}{_interval(row)} over {counted(row['num_scored'], 'answer')}"
    ]
    for name, words in (
        ("blind_prior", "the best fixed answer to each question, without looking at the video,"),
        ("nearest_training", "the answer of the nearest training sample, without looking,"),
        ("per_exercise_majority", "the best fixed answer for each exercise, told which it is but not looking,"),
    ):
        baseline = row["baselines"].get(name)
        if baseline is None:
            continue
        parts.append(f"{words} scores {_number(row, baseline['mean'])} ({_gain(row, baseline)})")
    return "; ".join(parts) + "."


def _text_scores(rows: Sequence[dict[str, Any]]) -> str:
    listed = ", ".join(
        f"{row['label']} {row['mean']:.3f}"
        + (
            f" (without looking {row['baselines']['blind_prior']['mean']:.3f})"
            if "blind_prior" in row["baselines"]
            else ""
        )
        for row in rows
    )
    return (
        f"Likeness to the wording of the reference, not correctness: {listed}. It can be high for the opposite advice."
    )


def _gain(row: dict[str, Any], baseline: dict[str, Any]) -> str:
    gain = f"difference {_number(row, baseline['difference'], signed=True)}"
    if baseline["ci_low"] is None:
        return f"{gain}, interval not possible"
    bounds = _range(row, baseline["ci_low"], baseline["ci_high"], " to ", signed=True)
    return f"{gain}, {_percent(row)} interval {bounds}"


def _interval(row: dict[str, Any]) -> str:
    if row["ci_low"] is None:
        return f" (no interval: {row['interval_method'].removeprefix('none: ')})"
    return f" ({_percent(row)} interval {_range(row, row['ci_low'], row['ci_high'], ' to ')})"


def _range(row: dict[str, Any], first: float, second: float, between: str, *, signed: bool = False) -> str:
    """Return two values with their unit once."""
    unit = " points" if signed else " %"
    return _number(row, first, signed=signed).removesuffix(unit) + between + _number(row, second, signed=signed)


def _percent(row: dict[str, Any]) -> str:
    return f"{100 * row['confidence']:g} %"


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
