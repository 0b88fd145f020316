"""The page: one offline file whose first screen is the verdict."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from vidtune.core.durable import write_atomic
from vidtune.reports._cells import (
    corpus_rows,
    group_rows,
    number,
    p_value,
    printable,
    signed,
    signed_interval,
    title_case,
)
from vidtune.reports._charts import class_block, histogram, leading_names, outcome, score_card, time_parts
from vidtune.reports._samples import pick_strips, sample_columns, sample_items, seen_facts
from vidtune.reports._view import RunView

_TEMPLATES = Path(__file__).with_name("templates")
_TIMINGS = (
    ("read_s", "Reading frames (s)"),
    ("preprocess_s", "Preparing the input (s)"),
    ("generate_s", "Answering (s)"),
    ("total_s", "Altogether (s)"),
    ("tokens_per_s", "Tokens per second"),
)
_CLUSTER_WORDS = {"subject": "people", "video": "videos", "sample": "independent samples"}
_CHECK_NAMES = {
    "blind_prior": "comparison with not looking",
    "clusters": "number of people",
    "collapse": "variety of answers",
    "empty": "empty answers",
    "errors": "failed clips",
    "exercise_rules": "two rules for the exercise",
    "finished": "how much was predicted",
    "frames": "frames seen",
    "leakage": "training data",
    "scorers": "rules of right and wrong",
    "truncated": "answers cut off",
    "unparsed": "answers that choose nothing",
}
_CHECK_WORDS = {"ok": "fine", "warn": "careful", "fail": "problem"}


def write_page(view: RunView) -> None:
    """Write the page of a scored run, atomically."""
    write_atomic(view.run.report_html, render_page(view))


def render_page(view: RunView) -> str:
    """Return the page as HTML. Every text of the run is escaped; nothing is fetched."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    script = (_TEMPLATES / "report.js").read_text(encoding="utf-8")
    strips, num_without_strip = pick_strips(view)
    cards = {name: score_card(view, name, summary) for name, summary in view.summaries.items()}
    html = templates.get_template("report.html.jinja").render(
        view=view,
        metrics=view.metrics,
        verdict=view.metrics["verdict"],
        cluster_words=_CLUSTER_WORDS.get(view.metrics["cluster"], view.metrics["cluster"]),
        # Ours, not the run's: the only texts that are not escaped.
        style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704
        script=Markup(script),  # noqa: S704
        script_hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        cards=list(cards.values()),
        leading=[cards[name] for name in leading_names(view)],
        trust=_trust(view.metrics["trust"]),
        check_words=_CHECK_WORDS,
        comparison=view.comparison,
        comparison_units=_CLUSTER_WORDS.get((view.comparison or {}).get("cluster", ""), "groups"),
        comparison_rows=list(_comparison_rows(view)),
        corpus=corpus_rows(view.metrics.get("corpus") or {}),
        groups=group_rows(view.metrics.get("groups") or []),
        histograms=[found for name, row in view.text_scores.items() if (found := histogram(view, name, row))],
        blocks=[class_block(view, name, block) for name, block in view.blocks.items() if block["per_class"]],
        seen=seen_facts(view),
        timing=list(_timing_rows(view.metrics.get("timing") or {})),
        time_parts=time_parts(view.metrics.get("timing") or {}),
        columns=sample_columns(view),
        samples=sample_items(view, strips),
        num_without_strip=num_without_strip,
        labels=_labels(view),
        environment=json.dumps(view.environment, indent=2, ensure_ascii=False) if view.environment else "",
    )
    return printable(html)


def _trust(checks: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """Return the answer to "can it be trusted?" in a few words, and the checks, worst first."""
    ordered = sorted(checks, key=lambda check: ("fail", "warn", "ok").index(check["status"]))
    counts = Counter(check["status"] for check in ordered)
    if counts["fail"]:
        status, words = "fail", f"Not yet. {counts['fail']} of {len(ordered)} checks found a problem."
    elif counts["warn"]:
        status, words = "warn", f"With care. {counts['warn']} of {len(ordered)} checks raise a doubt."
    else:
        status, words = "ok", f"As far as it was checked: all {len(ordered)} checks are fine."
    told = [{**check, "name": _CHECK_NAMES.get(check["check"], check["check"].replace("_", " "))} for check in ordered]
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


def _timing_rows(timing: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for key, label in _TIMINGS:
        row = timing.get(key)
        if row:
            yield {"label": label, "numbers": [f"{row[name]:.3f}" for name in ("mean", "median", "std", "min", "max")]}


def _labels(view: RunView) -> list[tuple[str, str]]:
    """Return the classes that the samples can be filtered by: (value, text)."""
    return [
        (label, title_case(label)) for label in sorted({str(row.record["label"] or "") for row in view.rows}) if label
    ]
