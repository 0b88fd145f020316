"""A judging in words and a table."""

from __future__ import annotations

from typing import Any

_SIGNS = {"passed": "ok  ", "failed": "FAIL", "not run": "--  "}


def judging_text(summary: dict[str, Any]) -> str:
    """Return verdict, scores and controls for people."""
    failed = summary["verdict"]["status"] == "failed"
    lines = [f"{summary['label']} by {summary['name']}", summary["verdict"]["sentence"]]
    if summary["sent_to"]:
        lines.append(f"Questions, ground truths and predictions were sent to {summary['sent_to']}.")
    for name, row in summary["scores"].items():
        interval = "no interval" if row["ci_low"] is None else f"[{row['ci_low']:.2f}, {row['ci_high']:.2f}]"
        mark = "  NOT TO BE TRUSTED" if failed else ""
        lines.append(f"  {name:20} {row['mean']:5.2f} {interval}  n {row['num_scored']}{mark}")
    if not summary["scores"]:
        lines.append("  no score could be read")
    if preference := summary.get("preference"):
        lines.append(
            "  {num_wins} wins, {num_ties} ties, {num_losses} losses; the place decided {num_by_position} times".format(
                **preference
            )
        )
    if summary["missing"]:
        reasons = ", ".join(f"{count} {reason}" for reason, count in summary["missing"].items())
        lines.append(f"  without a score: {reasons} of {summary['num_samples']}")
    lines += [f"  {_SIGNS[one['status']]} {one['label']}: {one['description']}" for one in summary["controls"]]
    for field, row in summary.get("agreement", {}).get("fields", {}).items():
        lines += [f"  agreement on {field}: {_agreement(row)}"]
    return "\n".join(lines)


def _agreement(row: dict[str, Any]) -> str:
    judge = row["judge"]
    if judge is None:
        return f"{row['num_items']} items are too few"
    parts = [
        f"{name} {_value(judge[name])}" for name in ("krippendorff_alpha", "weighted_kappa", "spearman", "icc_2_1")
    ]
    return f"{', '.join(parts)} over {row['num_items']} items"


def _value(entry: dict[str, Any]) -> str:
    if entry["value"] is None:
        return "none"
    bounds = "" if entry["ci_low"] is None else f" [{entry['ci_low']:.2f}, {entry['ci_high']:.2f}]"
    return f"{entry['value']:.2f}{bounds}"
