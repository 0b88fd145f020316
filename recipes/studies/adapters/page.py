"""The study's record as a page of Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from plan import METRICS, Study

MIB = 2**20


def to_markdown(study: Study, record: Mapping[str, Any]) -> str:
    """Return the page of ``results.md``.

    Args:
        study: What was to be run.
        record: As ``table.write`` keeps it in ``results.json``.
    """
    arms = record["arms"]
    parts = [
        ["# Ways of tuning nano, on generated clips", "", _what_was_asked(study, arms), ""],
        _missing_lines(record["missing"]),
        _score_table(study, arms),
        _cost_table(study, arms),
        _difference_table(record["differences"]),
        _kinds_of_time(arms),
        [f"Samples without an answer, in no mean: {sum(row['num_errors'] for row in arms.values())}.", ""],
    ]
    return "\n".join(line for part in parts for line in part)


def _what_was_asked(study: Study, arms: Mapping[str, Any]) -> str:
    if not arms:
        return "No run is finished yet."
    first = next(iter(arms.values()))
    return (
        f"{study.pack.clips_per_split()[0]} clips to train on; asked about {first['exercise']['num_samples']} clips "
        f"and {first['time']['num_samples']} questions about time; people in them, none of them seen before: "
        f"{first['exercise']['num_people']}. Shares that are right in %, with 95 % intervals that resample people, and "
        "in brackets the range of the seeds. Results on a pack, not on real people."
    )


def _missing_lines(missing: Mapping[str, Sequence[int]]) -> list[str]:
    if not missing:
        return []
    named = ", ".join(f"`{name}` (seed {', '.join(map(str, seeds))})" for name, seeds in missing.items())
    num = sum(len(seeds) for seeds in missing.values())
    return [
        f"**Unfinished: {num} runs are missing:** {named}. Where an arm has fewer seeds, its means are of fewer runs.",
        "",
    ]


def _score_table(study: Study, arms: Mapping[str, Any]) -> list[str]:
    lines = [f"| arm | seeds | {' | '.join(METRICS.values())} |", "|---" * (len(METRICS) + 2) + "|"]
    for name, row in arms.items():
        scores = " | ".join(_share(row[metric]) for metric in METRICS)
        lines.append(f"| `{name}`: {study.arms[name].title} | {_names(row['seeds'])} | {scores} |")
    return [*lines, ""]


def _cost_table(study: Study, arms: Mapping[str, Any]) -> list[str]:
    """Return what each arm takes, and in words what arms of smaller storage save beside those they are held against."""
    if not arms:
        return []
    columns = "trained | weights MiB | of them frozen | frozen in the language tower | peak MiB | steps, wall s"
    has_processor = any("step_cpu_s" in row["cost"] for row in arms.values())
    columns += " | processor ms a step" if has_processor else ""
    first, *_ = arms.values()
    lines = [f"| arm | {columns} |", "|---" * (columns.count("|") + 2) + "|"]
    for name, row in arms.items():
        cost = row["cost"]
        cells = [
            f"{cost['trained_parameters']:,.0f}",
            *(f"{cost[key]:.1f}" for key in ("weights_mib", "frozen_mib", "frozen_language_mib")),
            *(f"{cost[key]:,.0f}" for key in ("peak_memory_mib", "training_s")),
        ]
        if has_processor:
            cells.append(_processor(cost.get("step_cpu_s"), first["cost"].get("step_cpu_s")))
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    lines += ["", "The wall clock is of cores that other work shares: it compares nothing.", ""]
    for name, row in arms.items():
        for other in study.arms[name].against:
            if other in arms and row["cost"]["frozen_mib"] < 0.9 * arms[other]["cost"]["frozen_mib"]:
                lines += [_saving(name, row["cost"], other, arms[other]["cost"]), ""]
    return lines


def _saving(name: str, ours: Mapping[str, float], other: str, theirs: Mapping[str, float]) -> str:
    said = [
        f"{where} {ours[key]:.1f} of {theirs[key]:.1f} MiB ({ours[key] / theirs[key]:.0%})"
        for key, where in (
            ("frozen_language_mib", "in the language tower"),
            ("frozen_mib", "in the whole model"),
            ("weights_mib", "with what is trained"),
        )
    ]
    return f"Weights of `{name}` beside `{other}`: {', '.join(said)}."


def _difference_table(differences: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = ["Differences in points, on the same samples and the seeds that both arms have:", ""]
    lines += [f"| arm | against | seeds | {' | '.join(METRICS.values())} |", "|---" * (len(METRICS) + 3) + "|"]
    pairs: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for one in differences:
        pairs.setdefault((one["arm"], one["against"]), {})[one["metric"]] = one
    for (arm, other), by_metric in pairs.items():
        points = " | ".join(_points(by_metric[metric]) for metric in METRICS)
        lines.append(f"| `{arm}` | `{other}` | {_names(by_metric['time']['seeds'])} | {points} |")
    return [*lines, ""] if pairs else []


def _kinds_of_time(arms: Mapping[str, Any]) -> list[str]:
    kinds = sorted({kind for row in arms.values() for kind in row["time_by_kind"]})
    lines = ["Questions about time by kind, share that is right in % (half of it is had by guessing):", ""]
    lines += [f"| arm | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    for name, row in arms.items():
        told = (row["time_by_kind"].get(kind) for kind in kinds)
        cells = " | ".join("-" if one is None else f"{100 * one['mean']:.1f} (n {one['num_samples']})" for one in told)
        lines.append(f"| `{name}` | {cells} |")
    return [*lines, ""] if kinds else []


def _names(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))


def _share(row: Mapping[str, Any]) -> str:
    low, high = min(row["of_seeds"]), max(row["of_seeds"])
    bounds = "" if row["ci_low"] is None else f" ({100 * row['ci_low']:.1f} to {100 * row['ci_high']:.1f})"
    return f"{100 * row['mean']:.1f}{bounds} [{100 * low:.1f}..{100 * high:.1f}]"


def _points(row: Mapping[str, Any]) -> str:
    bounds = "no interval" if row["ci_low"] is None else f"{100 * row['ci_low']:+.1f} to {100 * row['ci_high']:+.1f}"
    return f"{100 * row['difference']:+.1f} ({bounds})"


def _processor(ours: float | None, first: float | None) -> str:
    if ours is None:
        return "-"
    return f"{1000 * ours:.0f}" + ("" if first is None else f" ({ours / first:.2f}x)")
