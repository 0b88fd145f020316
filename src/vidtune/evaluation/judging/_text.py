"""A judging in words and a table."""

from __future__ import annotations

from typing import Any

from vidtune.core.wording import counted

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
    if agreement := summary.get("agreement"):
        lines += [f"  agreement on {field}: {_agreement(row)}" for field, row in agreement["fields"].items()]
        if agreement["not_judged"]:
            lines.append(f"  rated by people and by no judge: {', '.join(agreement['not_judged'])}")
        if num_unknown := agreement["num_not_in_run"]:
            lines.append(f"  left out: ratings of {counted(num_unknown, 'sample')} that the run does not have")
    return "\n".join(lines)


def _agreement(row: dict[str, Any]) -> str:
    judge = row["judge"]
    if judge is None:
        return f"{counted(row['num_items'], 'sample')} rated by both: too few"
    parts = [
        f"{name} {_value(judge[name])}" for name in ("krippendorff_alpha", "weighted_kappa", "spearman", "icc_2_1")
    ]
    return f"{', '.join(parts)} over {counted(row['num_items'], 'sample')}"


def _value(entry: dict[str, Any]) -> str:
    if entry["value"] is None:
        return "none"
    bounds = "" if entry["ci_low"] is None else f" [{entry['ci_low']:.2f}, {entry['ci_high']:.2f}]"
    return f"{entry['value']:.2f}{bounds}"
