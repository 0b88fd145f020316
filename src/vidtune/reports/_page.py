"""The page: one offline file whose first screen is the verdict."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vidtune.core.durable import write_atomic
from vidtune.reports._cells import (
    corpus_rows,
    group_rows,
    number,
    p_value,
    signed,
    signed_interval,
    title_case,
)
from vidtune.reports._charts import class_block, histogram, leading_names, outcome, score_card, time_parts
from vidtune.reports._delivered import seen_facts
from vidtune.reports._grid import Section
from vidtune.reports._html import as_script_data, page_section, render_template
from vidtune.reports._samples import pick_strips, sample_columns, sample_data, sample_items
from vidtune.reports._tables import timing_rows
from vidtune.reports._trust import CHECK_WORDS, check_name
from vidtune.reports._view import RunView

NUM_IN_HTML = 200
"""Samples that are in the page as HTML and seen without its script; those beyond are data that it draws."""
_ONE_CLUSTER = {"subject": "person", "video": "video", "sample": "independent sample"}
_CLUSTER_WORDS = {"subject": "people", "video": "videos", "sample": "independent samples"}


def write_page(view: RunView, sections: Sequence[Section] = ()) -> None:
    """Write the page of a scored run, atomically."""
    write_atomic(view.run.report_html, render_page(view, sections))


def render_page(view: RunView, sections: Sequence[Section] = ()) -> str:
    """Return the page as HTML. Every text of the run is escaped; nothing is fetched."""
    strips, num_without_strip = pick_strips(view)
    cards = {name: score_card(view, name, summary) for name, summary in view.summaries.items()}
    samples = sample_items(view, strips)
    return render_template(
        "report.html.jinja",
        ("tables.js", "report.js"),
        view=view,
        metrics=view.metrics,
        verdict=view.metrics["verdict"],
        cluster_words=_cluster_words(view.metrics),
        cards=list(cards.values()),
        leading=[cards[name] for name in leading_names(view)],
        trust=_trust(view.metrics["trust"]),
        check_words=CHECK_WORDS,
        comparison=view.comparison,
        comparison_units=_CLUSTER_WORDS.get((view.comparison or {}).get("cluster", ""), "groups"),
        comparison_rows=list(_comparison_rows(view)),
        corpus=corpus_rows(view.metrics.get("corpus") or {}),
        groups=group_rows(view.metrics),
        histograms=[found for name, row in view.text_scores.items() if (found := histogram(view, name, row))],
        blocks=[class_block(view, name, block) for name, block in view.blocks.items() if block["per_class"]],
        seen=seen_facts(view),
        timing=list(timing_rows(view)),
        time_parts=time_parts(view.metrics.get("timing") or {}),
        columns=sample_columns(view),
        sections=[page_section(section) for section in sections],
        samples=samples[:NUM_IN_HTML],
        more_samples=as_script_data([sample_data(item) for item in samples[NUM_IN_HTML:]]),
        num_samples=len(samples),
        has_media=any(item["clip"] or item["sound"] for item in samples),
        has_sound=any(row.record["sound"] for row in view.rows),
        has_strips=num_without_strip > 0 or any(item["strip"] for item in samples),
        num_without_strip=num_without_strip,
        labels=_labels(view),
        label_noun="Exercise" if "exercise" in view.blocks else "Class",
        leading_label=next((str(row["label"]) for row in view.summaries.values()), ""),
        environment=json.dumps(view.environment, indent=2, ensure_ascii=False) if view.environment else "",
    )


def _cluster_words(metrics: Mapping[str, Any]) -> str:
    words = _ONE_CLUSTER if metrics["num_clusters"] == 1 else _CLUSTER_WORDS
    return words.get(metrics["cluster"], str(metrics["cluster"]))


def _trust(checks: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """Return the answer to "can it be trusted?" in a few words, and the checks, worst first."""
    ordered = sorted(checks, key=lambda check: ("fail", "warn", "ok").index(check["status"]))
    counts = Counter(check["status"] for check in ordered)
    if not ordered:
        status, words = "warn", "Not known: nothing was checked."
    elif counts["fail"]:
        status, words = "fail", f"Not yet. {counts['fail']} of {len(ordered)} checks found a problem."
    elif counts["warn"]:
        raised = "raises" if counts["warn"] == 1 else "raise"
        status, words = "warn", f"With care. {counts['warn']} of {len(ordered)} checks {raised} a doubt."
    else:
        status, words = "ok", f"As far as it was checked: all {len(ordered)} checks are fine."
    told = [{**check, "name": check_name(check)} for check in ordered]
    names = [check["name"] for check in told if check["status"] == status != "ok"]
    return {"status": status, "words": words, "names": names, "checks": told}


def _comparison_rows(view: RunView) -> Iterable[dict[str, str]]:
    for name, summary in view.summaries.items():
        pair, kind = view.pair(name), summary["kind"]
        if pair is None:
            continue
        yield {
            "label": summary["label"],
            "a": number(pair["a_mean"], kind),
            "b": number(pair["b_mean"], kind),
            "difference": signed(pair["difference"], kind),
            "interval": signed_interval(pair["ci_low"], pair["ci_high"], kind),
            "p": p_value(pair["p_value"]),
            "outcome": outcome(pair),
        }


def _labels(view: RunView) -> list[tuple[str, str]]:
    """Return the classes that the samples can be filtered by: (value, text)."""
    return [
        (label, title_case(label)) for label in sorted({str(row.record["label"] or "") for row in view.rows}) if label
    ]
