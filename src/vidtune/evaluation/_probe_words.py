"""What a probe found, in plain words: one sentence a condition, and what they say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidtune.inference import Condition

_SAME = 0.95
"""Share of answers that stay the same from which a change of the video is said to change nothing."""


def is_clear_gain(row: Mapping[str, Any]) -> bool:
    """Return whether the real video gets more than the condition, and chance does not explain it.

    By the interval of the gain, or by its test where all clusters gain exactly the same and there is no interval.
    """
    low = row["interval"][0]
    if low is not None:
        return bool(low > 0)
    return bool(row["gain"] > 0 and row["p_value"] is not None and row["p_value"] <= 1 - row["confidence"])


def describe_row(row: Mapping[str, Any], condition: Condition) -> str:
    """Return what one metric says of one condition, such as "order matters: reversed video loses 5.2 points"."""
    words = condition.matters if is_clear_gain(row) else condition.matters_not
    return f"{words}: {_loss(row)}{_bounds(row)}"


def probe_verdict(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return status, headline and sentences for the contents of ``probes/video.json``; nothing is claimed beyond them.

    ``fail`` where nothing shows that the answers come from the video, ``warn`` where only some of it does or where the
    samples are too few to tell, ``ok`` where the real video clearly gets more than anything that is not it.
    """
    rows = {(row["metric"], row["condition"]): row for row in record["rows"]}
    done = [one for one in record["conditions"] if one["status"] == "done"]
    without = [one for one in done if one["removes"] == "content"]
    lead = next(iter(record["leading"]), "")
    content = [rows[lead, one["condition"]] for one in without if (lead, one["condition"]) in rows]
    heard = _about_sound(rows, lead, done)
    if not content:
        return {
            "status": "warn",
            "headline": "Whether the answers depend on the video was not found out: no condition without it was "
            "possible, or no metric applies.",
            "sentences": [*heard, *_not_possible(record), *record["notes"]],
        }
    status, headline = _judge(record, content, without)
    sentences = heard
    for metric in record["leading"]:
        found = [rows[metric, one["condition"]] for one in done if (metric, one["condition"]) in rows]
        label = found[0]["metric_label"]
        brackets = (
            f" In brackets {100 * found[0]['confidence']:g}% intervals of the loss."
            if metric == lead and any(map(_bounds, found))
            else ""
        )
        sentences.append(f"{label}: " + "; ".join(row["verdict"] for row in found) + "." + brackets)
    sentences += _second_metric(record, rows, without, status)
    return {"status": status, "headline": headline, "sentences": [*sentences, *_not_possible(record), *record["notes"]]}


def _about_sound(
    rows: Mapping[tuple[str, str], Mapping[str, Any]], lead: str, done: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return what the leading metric says of the conditions without the sound, in a sentence; nothing without them."""
    without = [one for one in done if one["removes"] == "sound" and (lead, one["condition"]) in rows]
    found = [rows[lead, one["condition"]] for one in without]
    if not found:
        return []
    unclear = [row for row in found if not is_clear_gain(row)]
    if not unclear:
        least = min(found, key=lambda row: float(row["gain"]))
        return [f"The answers depend on the sound: they lose {_size(least)} or more without it ({least['label']})."]
    listed = "; ".join(f"{_loss(row)}{_bounds(row)}" for row in unclear)
    if len(unclear) < len(found):
        return [f"The answers depend on the sound in part; there is no clear gain over all that is not it: {listed}."]
    if all(one["same_answers"] >= _SAME for one in without):
        return [f"The answers do not depend on the sound: {_same(without)}."]
    return [f"Nothing shows that the answers depend on the sound: {listed}."]


def probe_text(record: Mapping[str, Any]) -> str:
    """Return verdict and table of a probe for a terminal."""
    lines = [f"Does it use the video?  {record['verdict']['headline']}"]
    same = {one["condition"]: one.get("same_answers") for one in record["conditions"]}
    for metric in record["leading"]:
        found = [row for row in record["rows"] if row["metric"] == metric]
        confidence = f"{100 * found[0]['confidence']:g}% interval"
        lines += ["", f"{found[0]['metric_label']:24}{'n':>6}{'score':>8}{'real':>8}{'gain':>8}   {confidence:18} same"]
        for row in found:
            low, high = row["interval"]
            interval = "none" if low is None else f"{low:+.3f} to {high:+.3f}"
            share = same[row["condition"]]
            lines.append(
                f"  {row['label']:22}{row['n']:6,}{row['score']:8.3f}{row['real_score']:8.3f}{row['gain']:+8.3f}   "
                f"{interval:18}{share:5.0%}"
            )
    return "\n".join([*lines, "", *record["verdict"]["sentences"]])


def _judge(
    record: Mapping[str, Any], content: Sequence[Mapping[str, Any]], without: Sequence[Mapping[str, Any]]
) -> tuple[str, str]:
    """Return status and headline from what the leading metric says of the conditions without the video."""
    clear = [row for row in content if is_clear_gain(row)]
    unclear = [row for row in content if not is_clear_gain(row)]
    missed = {row["condition"] for row in unclear}
    unmoved = [one for one in without if one["same_answers"] >= _SAME and one["condition"] in missed]
    if unmoved:
        return "fail", (
            f"The answers do not depend on the video: {_same(unmoved)}. What is right about them is known without it."
        )
    if not unclear:
        least = min(content, key=lambda row: float(row["gain"]))
        return "ok", f"The answers depend on the video: they lose {_size(least)} or more without it ({least['label']})."
    listed = "; ".join(f"{_loss(row)}{_bounds(row)}" for row in unclear)
    if clear:
        return (
            "warn",
            f"The answers depend on the video in part; there is no clear gain over all that is not it: {listed}.",
        )
    if record["num_clusters"] < 2:
        return "fail", (
            f"Nothing shows that the answers depend on the video, and with one {record['cluster']} no interval is "
            f"possible: {listed}."
        )
    return "fail", (
        f"Nothing shows that the answers depend on the video: they change with it, and are not clearly better for it: "
        f"{listed}."
    )


def _second_metric(
    record: Mapping[str, Any],
    rows: Mapping[tuple[str, str], Mapping[str, Any]],
    without: Sequence[Mapping[str, Any]],
    status: str,
) -> list[str]:
    """Warn where a second score takes nothing from the video, which must not hide behind the first."""
    if status != "ok" or len(record["leading"]) < 2:
        return []
    found = [rows[key] for one in without if (key := (record["leading"][1], one["condition"])) in rows]
    missed = [row for row in found if not is_clear_gain(row)]
    if not missed:
        return []
    listed = ", ".join(row["label"] for row in missed)
    return [f"{missed[0]['metric_label']} has no clear gain over {listed}: it may come without looking."]


def _same(without: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{one['same_answers']:.0%} are the same with {one['label']}" for one in without)


def _not_possible(record: Mapping[str, Any]) -> list[str]:
    return [
        f"{one['label'].capitalize()} was not possible: {one['reason'].rstrip('.')}."
        for one in record["conditions"]
        if one["status"] == "not_possible"
    ]


def _loss(row: Mapping[str, Any]) -> str:
    gain = row["gain"]
    if gain == 0:
        return f"{row['label']} loses nothing"
    return f"{row['label']} {'loses' if gain > 0 else 'gains'} {_size(row)}"


def _size(row: Mapping[str, Any]) -> str:
    return f"{100 * abs(row['gain']):.1f} points" if row["kind"] == "proportion" else f"{abs(row['gain']):.3f}"


def _bounds(row: Mapping[str, Any]) -> str:
    low, high = row["interval"]
    if low is None:
        return ""
    scale, form = (100, ".1f") if row["kind"] == "proportion" else (1, ".3f")
    return f" ({low * scale:{form}} to {high * scale:{form}})"
