"""The parts of a comparison, as every report of it shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from vidtune.metrics import mean_interval
from vidtune.reports._cells import interval, number, p_value, signed, signed_interval
from vidtune.reports._grid import Grid, Section, Span
from vidtune.reports._tables import class_text, class_words
from vidtune.reports._view import Row
from vidtune.reports.comparison import _figures
from vidtune.reports.comparison._figures import Dimension
from vidtune.reports.comparison._pairs import Pair
from vidtune.reports.comparison._read import Compared

_NUM_RESAMPLES = 2_000


def build_sections(compared: Compared) -> list[Section]:
    """Return the parts that apply, in order."""
    found = [
        _scores(compared),
        _pairs(compared),
        _ranks(compared),
        _wins(compared),
        _dimensions(compared),
        _classes(compared),
        _cost(compared),
    ]
    return [section for section in found if section is not None]


def outcome(pair: Pair) -> str:
    """Return in words what the interval of a difference, or its test, allows to say of the second run."""
    if pair.is_clear:
        return "higher" if pair.difference > 0 else "lower"
    return "not known" if pair.low is None or pair.high is None else "no clear difference"


def _scores(compared: Compared) -> Section:
    rows, spans = [], []
    for metric, summary in compared.metrics.items():
        for name, view in zip(compared.names, compared.views, strict=True):
            found, kind = view.summaries[metric], summary["kind"]
            bounds = interval(found["ci_low"], found["ci_high"], kind, found["interval_method"])
            counts = (str(found["num_scored"]), str(view.metrics["num_errors"]))
            rows.append((summary["label"], name, number(found["mean"], kind), bounds, *counts))
            spans.append(Span(found["mean"], found["ci_low"], found["ci_high"]))
    header = ("Score", "Run", "Mean", compared.interval_title, "n", "Failed")
    grid = Grid("scores", "Mean of each run", header, tuple(rows), tuple(spans), "Mean and interval")
    return Section(
        name="scores",
        title="Scores",
        lead="Each run over all that it answered, as its own report says. To compare them, read the pairs below.",
        tables=(grid,),
        draw=lambda: _figures.draw_scores(compared),
    )


def _pairs(compared: Compared) -> Section:
    rows = []
    for metric, summary in compared.metrics.items():
        for a, b in combinations(compared.names, 2):
            pair = compared.pair(a, b, metric)
            if pair is None:
                continue
            kind = summary["kind"]
            rows.append(
                (
                    summary["label"],
                    a,
                    b,
                    signed(pair.difference, kind),
                    signed_interval(pair.low, pair.high, kind),
                    p_value(pair.p),
                    p_value(pair.adjusted_p),
                    "-" if pair.num_pairs is None else str(pair.num_pairs),
                    outcome(pair),
                )
            )
    header = ("Score", "A", "B", "B minus A", "95 % interval", "p", "Adjusted p", "Pairs", "B is")
    tests = sorted({pair.test for pair in compared.pairs if pair.test})
    notes = [f"Test: {', '.join(tests)}."] if tests else []
    everyone = "both runs" if len(compared.names) == 2 else f"all {len(compared.names)} runs"
    adjusted_for = "scores" if len(compared.names) == 2 else "pairs of runs"
    notes.append(
        f"Adjusted p: Holm's, for the number of {adjusted_for}. "
        "What B is goes by the interval, which is of its pair alone."
    )
    notes.append(f"{len(compared.shared):,} samples were answered by {everyone}.")
    return Section(
        name="pairs",
        title="In pairs",
        lead=(
            "Differences on the samples that both runs answered, with intervals over independent groups. One that "
            "holds 0 says: no clear difference; it does not prove that there is none."
        ),
        notes=tuple(notes),
        tables=(Grid("pairs", "Every pair of runs", header, tuple(rows)),),
        draw=(lambda: _figures.draw_pairs(compared)) if rows else None,
    )


def _ranks(compared: Compared) -> Section | None:
    rankings = [one for one in compared.rankings if one.metric in compared.metrics]
    if not rankings:
        return None
    rows, notes = [], []
    for ranking in rankings:
        label = str(compared.metrics[ranking.metric]["label"])
        ordered = sorted(ranking.average_ranks.items(), key=lambda item: item[1])
        rows += [(label, name, f"{rank:.2f}") for name, rank in ordered]
        least = ranking.critical_difference
        apart = "" if least is None else f" Ranks less than {least:.2f} apart are not told apart (Nemenyi)."
        statistic = "" if ranking.statistic is None else f", statistic {ranking.statistic:.3f}"
        notes.append(f"{label}: Friedman p {p_value(ranking.p)}{statistic}.{apart}")
    return Section(
        name="ranks",
        title="Ranks",
        lead="How the runs rank over independent groups; rank 1 is best.",
        notes=tuple(notes),
        tables=(Grid("ranks", "Average ranks", ("Score", "Run", "Average rank"), tuple(rows)),),
    )


def _wins(compared: Compared) -> Section | None:
    rows = []
    for metric, summary in compared.metrics.items():
        for a, b in combinations(compared.names, 2):
            pair = compared.pair(a, b, metric)
            counts = wins_of(pair)
            if pair is not None and counts is not None:
                rows.append((summary["label"], a, b, *(str(count) for count in counts), str(pair.num_pairs)))
    if not rows:
        return None
    header = ("Score", "A", "B", "B wins", "Ties", "B loses", "Pairs")
    return Section(
        name="wins",
        title="Wins, ties, losses",
        lead="Samples on which B scores higher than A, the same, and lower.",
        tables=(Grid("wins", "Sample by sample", header, tuple(rows)),),
        draw=lambda: _figures.draw_wins(compared),
    )


def wins_of(pair: Pair | None) -> tuple[int, int, int] | None:
    """Return the second run's wins, ties and losses; None where the record does not say."""
    if pair is None or pair.num_better is None or pair.num_worse is None or pair.num_pairs is None:
        return None
    return pair.num_better, pair.num_pairs - pair.num_better - pair.num_worse, pair.num_worse


def dimensions_of(compared: Compared) -> list[Dimension]:
    """Return what the radar has as its axes: scores and slots from 0 to 1 that every run has."""
    found = [
        Dimension(
            str(summary["label"]),
            str(summary["kind"]),
            tuple(float(view.summaries[metric]["mean"]) for view in compared.views),
        )
        for metric, summary in compared.metrics.items()
    ]
    first = compared.views[0].metrics.get("corpus") or {}
    for name in first:
        others = [(view.metrics.get("corpus") or {}).get(name) for view in compared.views]
        if name.startswith("slot_") and all(others):
            values = tuple(float(other["value"]) for other in others if other)
            found.append(Dimension(name.replace("_", " "), "score", values))
    return [one for one in found if all(0 <= value <= 1 for value in one.values)]


def _dimensions(compared: Compared) -> Section | None:
    dimensions = dimensions_of(compared)
    if len(dimensions) < 3:
        return None
    rows = tuple((one.label, *(number(value, one.kind) for value in one.values)) for one in dimensions)
    return Section(
        name="dimensions",
        title="Dimensions",
        lead="Every score and slot on one scale from 0 to 1, means over what each run answered. Areas mean nothing.",
        tables=(Grid("dimensions", "By dimension", ("Dimension", *compared.names), rows),),
        draw=lambda: _figures.draw_radar(compared, dimensions),
    )


def _classes(compared: Compared) -> Section | None:
    summary = compared.metrics.get("exercise_identification") or compared.metrics.get(compared.leading)
    if summary is None:
        return None
    by_class: dict[str, list[tuple[Row, ...]]] = {}
    for rows in compared.shared:
        label = str(rows[0].record["label"] or "")
        if label and all(row.scores.get(summary["field"]) is not None for row in rows):
            by_class.setdefault(label, []).append(rows)
    if not by_class:
        return None
    told = tuple(row for label in sorted(by_class) for row in _class_rows(compared, label, by_class[label], summary))
    header = ("Class", "n", "Run", "Mean", f"Minus {compared.names[0]}", "95 % interval")
    return Section(
        name="classes",
        title=class_words("exercise")[0] if "exercise_identification" in compared.metrics else "By class",
        lead=(
            f"{summary['label']} by class, on the samples that all runs answered, and what changed against "
            f"{compared.names[0]}. With so many classes some differ by chance."
        ),
        tables=(Grid("classes", "Change by class", header, told),),
        draw=lambda: _figures.draw_classes(compared, by_class, summary["field"]),
    )


def _class_rows(
    compared: Compared, label: str, samples: Sequence[Sequence[Row]], summary: Mapping[str, Any]
) -> Iterator[tuple[str, ...]]:
    field, kind = summary["field"], summary["kind"]
    values = [[float(rows[at].scores[field]) for rows in samples] for at in range(len(compared.names))]
    clusters = [str(rows[0].record["subject"] or rows[0].record["video"]) for rows in samples]
    for at, name in enumerate(compared.names):
        mean = sum(values[at]) / len(samples)
        change, bounds = "-", "-"
        if at:
            differences = [after - before for before, after in zip(values[0], values[at], strict=True)]
            found = mean_interval(differences, clusters, num_resamples=_NUM_RESAMPLES)
            change = signed(sum(differences) / len(differences), kind)
            bounds = signed_interval(found.low, found.high, kind)
        yield (class_text(label), str(len(samples)), name, number(mean, kind), change, bounds)


def _cost(compared: Compared) -> Section:
    rows = []
    for name, view, cost in zip(compared.names, compared.views, compared.costs, strict=True):
        summary = view.summaries.get(compared.leading)
        rows.append(
            (
                name,
                "-" if summary is None else number(summary["mean"], summary["kind"]),
                _amount(cost.latency_s, "{:.3f}"),
                _amount(cost.latency_p95_s, "{:.3f}"),
                _amount(cost.tokens_per_s, "{:.1f}"),
                _amount(cost.visual_tokens, "{:.1f}"),
                _amount(None if cost.peak_memory_bytes is None else cost.peak_memory_bytes / 2**30, "{:.2f}"),
                _amount(None if cost.num_parameters is None else cost.num_parameters / 1e6, "{:,.1f}"),
                cost.device or "-",
            )
        )
    header = (
        "Run",
        str(compared.metrics.get(compared.leading, {}).get("label", "Score")),
        "Mean time (s)",
        "95th percentile (s)",
        "Tokens per second",
        "Visual tokens",
        "Peak memory (GiB)",
        "Parameters (millions)",
        "Device",
    )
    missing = sorted({header[at] for row in rows for at in range(2, 8) if row[at] == "-"})
    notes = [f"Not known for every run: {', '.join(missing)}."] if missing else []
    if len({cost.device for cost in compared.costs}) > 1:
        notes.append("The runs were made on different devices: their times do not compare.")
    return Section(
        name="cost",
        title="Cost next to quality",
        lead="Times are per sample, as measured in each run; a batch's time is shared among its samples.",
        notes=tuple(notes),
        tables=(Grid("cost", "What each run costs", header, tuple(rows)),),
        draw=lambda: _figures.draw_pareto(compared),
    )


def _amount(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
