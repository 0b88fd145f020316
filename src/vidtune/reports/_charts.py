"""What the page draws: positions and sizes for its SVG, worked out here so that the template only places them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vidtune.reports._cells import (
    baseline_label,
    colour_of,
    interval,
    number,
    percent,
    signed,
    signed_interval,
)
from vidtune.reports._tables import class_text, class_words
from vidtune.reports._view import RunView

AXIS_PX = 200
NUM_BINS = 20
HISTOGRAM_PX = 90

_CAPTIONS = {
    "exercise": "How often the exercise was named right.",
    "feedback_error": "How often the form error in the clip was the one named.",
}
_STAGES = (("read_s", "reading frames"), ("preprocess_s", "preparing the input"), ("generate_s", "answering"))


def x_of(value: float | None, end: float = 1.0) -> float | None:
    """Return where a value lies on an axis of ``AXIS_PX`` from 0 to ``end``; a cosine below 0 is drawn at 0."""
    return None if value is None else round(min(1.0, max(0.0, value / end)) * AXIS_PX, 1)


def axis_end(values: Iterable[float | None]) -> int:
    """Return where an axis from 0 ends that has room for all values: at 1, except for scores that go beyond it.

    Example:
        >>> axis_end([0.2, None, 1.0]), axis_end([0.792, 1.482])
        (1, 2)
    """
    return max(1, math.ceil(max((value for value in values if value is not None), default=1) - 1e-9))


def score_card(view: RunView, name: str, summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return one score with its interval and everything it must be seen against."""
    kind = summary["kind"]
    shown, bounds = (
        number(summary["mean"], kind),
        interval(summary["ci_low"], summary["ci_high"], kind, summary["interval_method"]),
    )
    pair = view.pair(name)
    before = pair["a_mean"] if pair else _own_mean(view, name)
    beside = [("before", f"Before: {view.baseline_name}", before)] if before is not None else []
    beside += [("blind", baseline_label(key), row["mean"]) for key, row in summary["baselines"].items()]
    blind = summary["baselines"].get("blind_prior")
    end = axis_end([summary["mean"], summary["ci_high"], *(value for _, _, value in beside)])
    return {
        "label": summary["label"],
        "value": shown,
        "interval": bounds,
        "has_interval": summary["ci_low"] is not None,
        "aria": f"{summary['label']}: {shown}, {view.interval_title} {bounds}",
        "end": end,
        "mean": x_of(summary["mean"], end),
        "low": x_of(summary["ci_low"], end),
        "high": x_of(summary["ci_high"], end),
        "blind": x_of(blind["mean"], end) if blind else None,
        "base": x_of(before, end),
        "beside": [
            {"kind": role, "name": label, "value": number(value, kind), "width": x_of(value, end)}
            for role, label, value in beside
        ],
        "num_scored": summary["num_scored"],
        "thresholds": summary["thresholds"],
        "method": summary["interval_method"],
        "change": _change(pair, kind) if pair else "",
        "sources": [f"{baseline_label(key)}: {row['description']}." for key, row in summary["baselines"].items()],
    }


def _own_mean(view: RunView, name: str) -> float | None:
    """Return the baseline's own mean; without a paired comparison there is nothing better."""
    known = view.baseline.metrics.get("metrics", {}).get(name) if view.baseline else None
    return float(known["mean"]) if known else None


def _change(pair: Mapping[str, Any], kind: str) -> str:
    """Return what tuning changed, in words; on the samples that both runs answered."""
    bounds = signed_interval(pair["ci_low"], pair["ci_high"], kind)
    return f"Against before: {signed(pair['difference'], kind)} (interval {bounds}): {outcome(pair)}."


def outcome(pair: Mapping[str, Any]) -> str:
    """Return in one word what the interval of a paired difference, or its test, allows to say."""
    if pair["ci_low"] is None:
        # All groups differ alike: that leaves nothing to estimate an interval from, and the test still tells.
        is_clear = (
            pair["difference"] != 0
            and pair["p_value"] is not None
            and pair["p_value"] <= 1 - pair.get("confidence", 0.95)
        )
        return ("better" if pair["difference"] > 0 else "worse") if is_clear else "not known"
    if pair["ci_low"] > 0:
        return "better"
    return "worse" if pair["ci_high"] < 0 else "no clear difference"


def leading_names(view: RunView) -> list[str]:
    """Return the one or two scores that the first screen shows: what the headline says, what was identified, others."""
    headline = view.metrics["verdict"]["headline"]
    spoken = [name for name, row in view.summaries.items() if f"{row['label']}: " in headline]
    spoken.sort(key=lambda name: headline.index(f"{view.summaries[name]['label']}: "))
    shares = [name for name, row in view.summaries.items() if row["kind"] == "proportion" and "_compat" not in name]
    return list(dict.fromkeys([*spoken[:1], *shares, *([] if shares else view.summaries)]))[:2]


def histogram(view: RunView, name: str, summary: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how a score is spread over the samples, and before tuning when that is known."""
    field = summary["field"]
    values = [row.scores[field] for row in view.rows if row.scores.get(field) is not None]
    if not values:
        return None
    base = (
        [scores[field] for scores in view.baseline.scores.values() if scores.get(field) is not None]
        if view.baseline
        else []
    )
    end = axis_end([*values, *base])
    counts, before = count_bins(values, end), count_bins(base, end)
    tallest = max([*counts, *before])
    width = AXIS_PX / NUM_BINS
    bars: list[dict[str, Any]] = [
        {
            "x": round(index * width + 0.5, 2),
            "y": round(HISTOGRAM_PX * (1 - count / tallest), 2),
            "width": width - 1,
            "height": round(HISTOGRAM_PX * count / tallest, 2),
            "colour": colour_of((index + 0.5) * end / NUM_BINS, summary["thresholds"]) or "plain",
            "told": f"{index * end / NUM_BINS:.2f} to {(index + 1) * end / NUM_BINS:.2f}: {count}",
        }
        for index, count in enumerate(counts)
        if count
    ]
    steps = [
        f"{index * width:g} {HISTOGRAM_PX * (1 - count / tallest):.2f}h{width:g}" for index, count in enumerate(before)
    ]
    thresholds, shares = summary["thresholds"], summary["counts"]
    return {
        "label": summary["label"],
        "bars": bars,
        "outline": "M" + "L".join(steps) if base else "",
        "ticks": [{"x": x_of(value, end), "text": f"{value:g}"} for value in sorted((thresholds or {}).values())],
        "tallest": tallest,
        "end": end,
        "counts": shares,
        "thresholds": thresholds,
        "num": len(values),
        "aria": f"{summary['label']}: " + "; ".join(str(bar["told"]) for bar in bars) + " samples",
    }


def count_bins(values: Sequence[float], end: float = 1.0) -> list[int]:
    """Return how many values lie in each of ``NUM_BINS`` equal parts of 0 to ``end``."""
    counts = [0] * NUM_BINS
    for value in values:
        # Half a millionth: 0.7 in binary lies just below the edge it is meant to be on.
        counts[min(NUM_BINS - 1, max(0, int(value / end * NUM_BINS + 5e-7)))] += 1
    return counts


def class_block(view: RunView, name: str, block: Mapping[str, Any]) -> dict[str, Any]:
    """Return one classification: a row for each class, and what was taken for what."""
    title, noun = class_words(name)
    before: dict[str, Mapping[str, Any]] = {}
    if view.baseline is not None:
        known = view.baseline.metrics.get("classification", {}).get(name, {}).get("per_class", [])
        before = {row["label"]: row for row in known}
    return {
        "id": name.replace("_", "-"),
        "title": title,
        "noun": noun,
        "caption": _CAPTIONS.get(name, "How often it was right."),
        "has_before": bool(before),
        "rows": [_class_row(row, before.get(row["label"])) for row in block["per_class"]],
        "confusion": class_matrix(block.get("confusion")),
    }


def _class_row(row: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "label": class_text(row["label"]),
        "n": row["n"],
        "correct": row["correct"],
        "accuracy": row["accuracy"],
        "share": percent(row["accuracy"]),
        "interval": interval(row["ci_low"], row["ci_high"], "proportion", row.get("interval_method", "")),
        "mean": x_of(row["accuracy"]),
        "low": x_of(row["ci_low"]),
        "high": x_of(row["ci_high"]),
        "before": percent(before["accuracy"]) if before else "",
        "before_accuracy": before["accuracy"] if before else -1,
        "base": x_of(before["accuracy"]) if before else None,
    }


def class_matrix(confusion: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what was taken for what, with each cell's part of its row; None where nothing is known."""
    if not confusion or not confusion["labels"]:
        return None
    labels = [class_text(label) for label in confusion["labels"]]
    columns = [class_text(label) for label in confusion.get("columns", confusion["labels"])]
    rows = []
    for label, counts in zip(labels, confusion["matrix"], strict=True):
        total = sum(counts)
        if not total:
            continue  # "(not identified)" is an answer, never a truth
        cells = [
            {"count": count, "percent": round(100 * count / total), "is_hit": column == label, "column": column}
            for column, count in zip(columns, counts, strict=True)
        ]
        rows.append({"label": label, "cells": cells})
    return {"columns": columns, "rows": rows} if rows else None


def time_parts(timing: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the mean time of each stage and its part of them all, for one bar."""
    means = [(label, timing[key]["mean"]) for key, label in _STAGES if timing.get(key)]
    total_s = sum(mean_s for _, mean_s in means)
    parts, left = [], 0.0
    for index, (label, mean_s) in enumerate(means):
        share = mean_s / total_s if total_s else 0.0
        parts.append(
            {
                "label": label,
                "text": f"{mean_s:.3f} s",
                "mean_s": mean_s,
                "share": percent(share),
                "x": round(left * AXIS_PX, 2),
                "width": round(share * AXIS_PX, 2),
                "index": index,
            }
        )
        left += share
    return parts
