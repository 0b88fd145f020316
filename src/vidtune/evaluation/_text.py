"""Results as text for a terminal."""

from __future__ import annotations

from typing import Any

from vidtune.core.wording import counted
from vidtune.evaluation._predictions import describe_unfinished
from vidtune.evaluation._probe_words import probe_text
from vidtune.evaluation._setup import describe_setup
from vidtune.evaluation._slices import headline_row

_MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL"}


def result_text(metrics: dict[str, Any]) -> str:
    """Return verdict, scores and trust checks of one evaluation."""
    lines = [metrics["verdict"]["headline"], ""]
    lines.append(
        f"{metrics['num_scored']:,} scored / {counted(metrics['num_errors'], 'error')}"
        + ("" if metrics["num_unparsed"] is None else f" / {metrics['num_unparsed']:,} unparsed")
        + f" / {metrics['num_truncated']:,} cut off, of {counted(metrics['num_samples'], 'sample')}"
        + (
            f"; {unfinished}"
            if (unfinished := describe_unfinished(metrics["num_samples"], metrics["num_expected"]))
            else ""
        )
    )
    if metrics["num_kept_back"]:
        lines.append(f"{metrics['num_kept_back']:,} more have answers that are kept back: handed in, not scored")
    lines += describe_setup(metrics["setup"])
    lines += _score_lines(metrics["metrics"])
    lines += _corpus_lines(metrics["corpus"]) + _group_lines(metrics["groups"])
    lines += _refusal_lines([*metrics["metrics"].values(), *metrics["corpus"].values(), *metrics["groups"]])
    if metrics.get("probe"):
        lines += ["", probe_text(metrics["probe"])]
    lines += ["", "Trust"]
    lines += [
        f"  {_MARKS[finding['status']]}  {finding['check']}: {finding['message']}" for finding in metrics["trust"]
    ]
    return "\n".join(lines)


def comparison_text(comparison: dict[str, Any]) -> str:
    """Return verdict and differences of one comparison."""
    lines = [comparison["verdict"]["headline"], ""]
    lines.append(f"{'':40}{'A':>8}{'B':>8}{'B - A':>9}   {'interval':18}{'p':>8}")
    for row in comparison["metrics"].values():
        p_value = "-" if row["p_value"] is None else f"{row['p_value']:.4f}"
        lines.append(
            f"{row['label']:40}{row['a_mean']:8.3f}{row['b_mean']:8.3f}{row['difference']:+9.3f}   "
            f"{_interval(row, signed=True):18}{p_value:>8}"
        )
    lines += ["", f"A is {comparison['a']}, B is {comparison['b']}.", *comparison["verdict"]["sentences"]]
    return "\n".join(lines)


def many_text(comparison: dict[str, Any]) -> str:
    """Return verdict, means, ranks and pairs of three or more runs."""
    lines = [comparison["verdict"]["headline"]]
    width = max(len(run["name"]) for run in comparison["runs"])
    for row in comparison["metrics"].values():
        ranking = row["ranking"]
        lines += ["", row["label"], f"  {'':{width}}{'mean':>8}   {'interval':18}{'rank':>8}"]
        for system in row["systems"]:
            bounds = _interval({"ci_low": system["interval"]["low"], "ci_high": system["interval"]["high"]})
            rank = "-" if system["average_rank"] is None else f"{system['average_rank']:.2f}"
            lines.append(f"  {system['name']:{width}}{system['mean']:8.3f}   {bounds:18}{rank:>8}")
        for pair in row["pairs"]:
            bounds = _interval({"ci_low": pair["interval"]["low"], "ci_high": pair["interval"]["high"]}, signed=True)
            p_value = "-" if pair["p_value_holm"] is None else f"{pair['p_value_holm']:.4f}"
            named = f"{pair['second']} - {pair['first']}"
            lines.append(f"  {named:{2 * width + 3}}{pair['difference']:+9.3f}   {bounds:18}  p (Holm) {p_value}")
        if ranking is not None:
            groups = [" = ".join(row["systems"][place]["name"] for place in group) for group in ranking["cliques"]]
            lines.append(
                f"  Friedman p = {ranking['friedman_p']:.3g}; critical difference of ranks "
                f"{ranking['critical_difference']:.2f}; not told apart: {'; '.join(groups) or 'none'}"
            )
    return "\n".join([*lines, "", *comparison["verdict"]["sentences"]])


def _score_lines(rows: dict[str, Any]) -> list[str]:
    """Return the table of scores: what leads is of answers that vary, with all of them below where that differs."""
    if not rows:
        return []
    row = next(iter(rows.values()))
    with_memory = any("nearest_training" in row["baselines"] for row in rows.values())
    confidence = f"{100 * row['confidence']:g}% interval"
    title = f"{'':40}{'mean':>8}   {confidence:18}{'without looking':>16}"
    lines = ["", title + f"{'from memory':>13}" * with_memory]
    for row in rows.values():
        lead = headline_row(row)
        lines.append(
            f"{row['label']:40}{lead['mean']:8.3f}   {_interval(lead):18}{_baseline(lead, 'blind_prior'):>16}"
            + f"{_baseline(lead, 'nearest_training'):>13}" * with_memory
        )
        if row.get("where_answers_vary"):
            num_apart = row["num_scored"] - lead["num_scored"]
            words = f"  with {num_apart:,} whose answer never varies"
            lines.append(f"{words:40}{row['mean']:8.3f}   {_interval(row):18}{_baseline(row, 'blind_prior'):>16}")
    return lines


def _baseline(row: dict[str, Any], name: str) -> str:
    found = row["baselines"].get(name)
    return f"{found['mean']:.3f}" if found else "-"


def _corpus_lines(corpus: dict[str, Any]) -> list[str]:
    lines = ["", "Over the whole set"] if corpus else []
    for name, row in corpus.items():
        lines.append(f"  {name:38}{row['value']:8.3f}   {_interval(row):18}")
    return lines


def _group_lines(groups: list[dict[str, Any]]) -> list[str]:
    lines = ["", f"{groups[0]['metric']} by group"] if groups else []
    for row in groups:
        single = "  one answer only" if row["is_single_answer"] else ""
        lines.append(
            f"  {row['by'] + ' ' + row['group']:38}{row['mean']:8.3f}   {_interval(row):18}"
            f"{row['num_scored']:6,}{single}"
        )
    return lines


def _refusal_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Return why some figures have no interval, each reason once."""
    reasons = {row["interval_method"].removeprefix("none: "): None for row in rows if row["ci_low"] is None}
    return ["", *(f"No interval: {reason}." for reason in reasons)] if reasons else []


def _interval(row: dict[str, Any], *, signed: bool = False) -> str:
    if row["ci_low"] is None:
        return "none"
    sign = "+" if signed else ""
    return f"{row['ci_low']:{sign}.3f} to {row['ci_high']:{sign}.3f}"
