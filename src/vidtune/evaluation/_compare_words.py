"""Two runs compared, in plain words."""

from __future__ import annotations

from typing import Any

from vidtune.evaluation._settings import describe_settings
from vidtune.metrics import min_clusters, smallest_p_value


def write_comparison_verdict(record: dict[str, Any], unfinished: list[str]) -> dict[str, Any]:
    """Return headline and sentences on two runs; nothing is claimed beyond ``comparison.json``.

    Args:
        record: Its contents, less the verdict.
        unfinished: What to say first, of runs that were asked for more than they have.
    """
    rows = [row for name, row in record["metrics"].items() if not name.endswith("_compat")]
    if not rows:
        return {"headline": "The runs share no metric: there is nothing to compare.", "sentences": []}
    lead = rows[0]
    settings = _describe_settings(record)
    sentences = [*unfinished, *settings, _describe_pairs(record), *(_describe_row(record, row) for row in rows)]
    sentences += [_describe_premises(lead), *_describe_power(lead), *_describe_few(record, lead)]
    if len(rows) > 1:
        sentences.append(_describe_family(rows))
    headline = " ".join([*unfinished, *settings[:1], f"{lead['label']}: {_outcome(record, lead)}."])
    return {"headline": headline, "sentences": sentences}


def _describe_settings(record: dict[str, Any]) -> list[str]:
    return describe_settings(record["settings"], {name: row["label"] for name, row in record["metrics"].items()})


def _describe_premises(row: dict[str, Any]) -> str:
    told = {True: "holds", False: "does not hold", None: "cannot be told"}
    checked = "; ".join(f"{one['name']}: {told[one['holds']]}, {one['found'].rstrip('.')}" for one in row["premises"])
    refused = ", ".join(test["name"] for test in row["other_tests"] if test["p_value"] is None)
    rest = f" Not used for that reason: {refused}." if refused else ""
    return f"What tests take for granted, checked on {row['label']}: {checked}.{rest}"


def _describe_power(row: dict[str, Any]) -> list[str]:
    power = row["power"]
    if power["detectable_difference"] is None:
        return []
    now, *more = power["detectable_by_clusters"]
    found = _number(row, now[1], signed=True).lstrip("+")
    later = ", ".join(f"with {count:,} {_number(row, size, signed=True).lstrip('+')}" for count, size in more)
    return [
        f"{row['label']}: a true difference of {found} is found in {power['power']:.0%} of cases with as many; {later}."
    ]


def _describe_few(record: dict[str, Any], lead: dict[str, Any]) -> list[str]:
    number = record["num_clusters"]
    if number >= min_clusters(lead["confidence"]):
        return []
    floor = smallest_p_value(number) if number > 1 else 1.0
    return [f"With {_units(record)} no interval is given and no test can go below p = {floor:.3g}; collect more."]


def _describe_family(rows: list[dict[str, Any]]) -> str:
    level = 1 - rows[0]["confidence"]
    alone = [row for row in rows if row["p_value"] is not None and row["p_value"] <= level]
    corrected = [row for row in alone if row["p_value_holm"] is not None and row["p_value_holm"] <= level]
    named = f": {', '.join(row['label'] for row in corrected)}" if corrected else ""
    return (
        f"Of {len(rows)} metrics {len(alone)} differ at p = {level:.3g} taken alone, and {len(corrected)} after Holm's "
        f"correction for their number{named}."
    )


def _describe_pairs(record: dict[str, Any]) -> str:
    left_out = []
    if record["num_errors_a"] or record["num_errors_b"]:
        left_out.append(f"{record['num_errors_a']} failed in A and {record['num_errors_b']} in B")
    if record["num_only_a"] or record["num_only_b"]:
        left_out.append(f"{record['num_only_a']} are only in A and {record['num_only_b']} only in B")
    rest = f" Left out: {'; '.join(left_out)}." if left_out else ""
    return f"{record['num_paired']:,} samples were answered by both, from {_units(record)}.{rest}"


def _units(record: dict[str, Any]) -> str:
    """Return how many independent ones there are: people, videos or samples."""
    if record["cluster"] == "subject":
        return "1 person" if record["num_clusters"] == 1 else f"{record['num_clusters']:,} people"
    return f"{record['num_clusters']:,} {record['cluster']}{'s' * (record['num_clusters'] != 1)}"


def _describe_row(record: dict[str, Any], row: dict[str, Any]) -> str:
    p_value = "" if row["p_value"] is None else f", p = {row['p_value']:.3g} ({row['test']})"
    return (
        f"{row['label']}: {_outcome(record, row)}{p_value}; better on {row['num_better']}, worse on {row['num_worse']}."
    )


def _outcome(record: dict[str, Any], row: dict[str, Any]) -> str:
    change = f"{record['b']} {_number(row, row['b_mean'])}, {record['a']} {_number(row, row['a_mean'])}"
    size = _number(row, abs(row["difference"]), signed=True).lstrip("+")
    moved = f"{change}; {record['b']} is {'higher' if row['difference'] > 0 else 'lower'} by {size}"
    if row["difference"] == 0:
        return f"{change}; no difference"
    if row["ci_low"] is None:
        return f"{moved} (no interval: {row['interval_method'].removeprefix('none: ')})"
    low, high = (_number(row, row[key], signed=True) for key in ("ci_low", "ci_high"))
    bounds = f"{low.removesuffix(' points')} to {high}"
    interval = f"{100 * row['confidence']:g} % interval of the difference {bounds}"
    if row["ci_low"] <= 0 <= row["ci_high"]:
        return f"{change}; no clear difference, in either direction ({interval})"
    return f"{moved} ({interval})"


def _number(row: dict[str, Any], value: float, *, signed: bool = False) -> str:
    if row["kind"] == "proportion":
        return f"{100 * value:+.1f} points" if signed else f"{100 * value:.1f} %"
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def write_many_verdict(record: dict[str, Any], unfinished: list[str]) -> dict[str, Any]:
    """Return headline and sentences on three or more runs; nothing is claimed beyond the comparison.

    Args:
        record: The comparison, less the verdict.
        unfinished: What to say first, of runs that were asked for more than they have.
    """
    rows = [row for name, row in record["metrics"].items() if not name.endswith("_compat")]
    if not rows:
        return {"headline": "The runs share no metric: there is nothing to compare.", "sentences": []}
    settings = _describe_settings(record)
    sentences = [
        *unfinished,
        *settings,
        f"{record['num_paired']:,} samples were answered by all {len(record['runs'])} runs, from {_units(record)}.",
        *(_describe_many(row, record["confidence"]) for row in rows),
        *_describe_few(record, {"confidence": record["confidence"]}),
        _describe_many_premises(rows[0]),
        "Pairs are corrected by Holm for their number within a metric, whether runs differ at all for the number of "
        "metrics.",
    ]
    headline = " ".join([*unfinished, *settings[:1], _describe_many(rows[0], record["confidence"])])
    return {"headline": headline, "sentences": sentences}


def _describe_many(row: dict[str, Any], confidence: float) -> str:
    ordered = sorted(row["systems"], key=lambda one: -one["mean"])
    means = ", ".join(f"{one['name']} {_number(row, one['mean'])}" for one in ordered)
    if row["omnibus_p"] is None:
        return f"{row['label']}: {means}; no test: all samples come from one group."
    level = 1 - confidence
    p_value = row["omnibus_p_holm"]
    if p_value > level:
        return f"{row['label']}: {means}; no clear difference among them (p = {p_value:.3g})."
    apart = [pair for pair in row["pairs"] if pair["p_value_holm"] <= level]
    if not apart:
        return f"{row['label']}: {means}; they differ (p = {p_value:.3g}), but no pair can be told apart."
    told = ", ".join(_higher(pair) for pair in apart)
    return f"{row['label']}: {means}; clearly higher: {told} ({len(apart)} of {len(row['pairs'])} pairs)."


def _higher(pair: dict[str, Any]) -> str:
    names = (pair["second"], pair["first"]) if pair["difference"] > 0 else (pair["first"], pair["second"])
    return f"{names[0]} than {names[1]}"


def _describe_many_premises(row: dict[str, Any]) -> str:
    told = {True: "holds", False: "does not hold", None: "cannot be told"}
    anova = row["anova"]
    premises = [*row["premises"], *(anova["premises"][1:] if anova else ())]
    checked = "; ".join(f"{one['name']}: {told[one['holds']]}, {one['found'].rstrip('.')}" for one in premises)
    reasons = [row["ranking_reason"], anova["reason"] if anova else ""]
    refused = " ".join(f"{name} {reason}" for name, reason in zip(("Ranking", "ANOVA"), reasons, strict=True) if reason)
    return f"What tests take for granted, checked on {row['label']}: {checked}.{f' {refused}' if refused else ''}"
