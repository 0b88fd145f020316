"""The short summaries: Markdown for a pull request, LaTeX tables for a paper."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from vidtune.core.durable import write_atomic
from vidtune.reports._cells import (
    corpus_rows,
    group_rows,
    interval,
    number,
    p_value,
    percent,
    printable,
    signed,
    signed_interval,
    title_case,
)
from vidtune.reports._view import RunView

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\char34}",  # babel makes the plain one a command in some languages
    "`": r"{\char96}",
    "[": "{[}",  # after a row's end it would begin the argument of the line break
    "*": "{*}",
}
_LIGATURE = re.compile(r"([-',])(?=\1)")
_PDFLATEX_LAST = "\u017f"
_PDFLATEX_ALSO = frozenset("–—‘’‚“”„†‡•…‰€™−")
_MARKDOWN = {character: "\\" + character for character in "\\`*_{}[]<>#|!~"}

_SCORES = ("Score", "Mean", "95 % interval", "Without looking", "n", "Failed")
_CORPUS = ("Family", "Metric", "Value", "95 % interval", "n")
_GROUPS = ("By", "Group", "Mean", "95 % interval", "n")
_CLASSES = ("Exercise", "Right", "n", "Share", "95 % interval")

Table = tuple[Sequence[str], list[list[str]]]


def write_summaries(view: RunView) -> None:
    """Write ``report.md`` and ``tables/*.tex`` of a scored run."""
    write_atomic(view.run.path / "report.md", printable(render_markdown(view)))
    for name, table in _tables(view).items():
        write_atomic(view.run.path / "tables" / f"{name}.tex", render_latex(table, note=view.unfinished))


def render_markdown(view: RunView) -> str:
    """Return the verdict, the scores, the comparison and what failed as Markdown."""
    verdict = view.metrics["verdict"]
    lines = [f"# {_escape(verdict['headline'], _MARKDOWN)}", ""]
    lines += [f"**Incomplete.** {_escape(sentence, _MARKDOWN)}\n" for sentence in view.missing]
    lines += [f"{_escape(sentence, _MARKDOWN)}\n" for sentence in verdict["sentences"]]
    titles = {
        "scores": "Scores",
        "corpus": "Over the whole set",
        "groups": "By group",
        "comparison": "Before and after",
        "exercises": "By exercise",
    }
    for name, table in _tables(view).items():
        lines += [f"## {titles[name]}", "", *_markdown_table(table), ""]
    if view.failures:
        lines += ["## What failed", ""]
        for failure in view.failures:
            told = " ".join([failure.problem, *failure.remedies])
            code = _escape(failure.code, _MARKDOWN)
            lines.append(f"- {code}: {len(failure.rows)}. {_escape(told, _MARKDOWN)}")
        lines.append("")
    lines.append(
        f"Predictions: `{view.metrics['predictions_sha256']}` (SHA-256). Details: report.html beside this file."
    )
    return "\n".join(lines) + "\n"


def render_latex(table: Table, note: str = "") -> str:
    """Return a table in booktabs; ``note`` stands below it."""
    header, rows = table
    body = "".join(" & ".join(map(_latex, row)) + " \\\\\n" for row in rows)
    below = f"\\multicolumn{{{len(header)}}}{{l}}{{{_latex(note)}}} \\\\\n" if note else ""
    characters = set("".join([*header, *(cell for row in rows for cell in row)]))
    needs_more = any(character > _PDFLATEX_LAST for character in characters - _PDFLATEX_ALSO)
    hint = "% Holds characters that pdfLaTeX does not know: use LuaLaTeX or XeLaTeX.\n" if needs_more else ""
    return hint + (
        f"\\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}\n\\toprule\n"
        f"{' & '.join(map(_latex, header))} \\\\\n\\midrule\n"
        f"{body}\\bottomrule\n{below}\\end{{tabular}}\n"
    )


def _tables(view: RunView) -> dict[str, Table]:
    found: dict[str, Table] = {"scores": (_SCORES, list(_score_rows(view)))}
    if view.metrics.get("corpus"):
        found["corpus"] = (_CORPUS, corpus_rows(view.metrics["corpus"]))
    if view.metrics.get("groups"):
        found["groups"] = (_GROUPS, group_rows(view.metrics["groups"]))
    if view.comparison:
        header = ("Score", view.comparison["a"], view.comparison["b"], "Difference", "95 % interval", "p", "Pairs")
        found["comparison"] = (header, list(_pair_rows(view)))
    if view.metrics["per_class"]:
        found["exercises"] = (_CLASSES, list(_class_rows(view)))
    return found


def _score_rows(view: RunView) -> Iterable[list[str]]:
    for summary in view.summaries.values():
        blind = summary["baselines"].get("blind_prior")
        yield [
            summary["label"],
            number(summary["mean"], summary["kind"]),
            interval(summary["ci_low"], summary["ci_high"], summary["kind"]),
            number(blind["mean"], summary["kind"]) if blind else "-",
            str(summary["num_scored"]),
            str(view.metrics["num_errors"]),
        ]


def _pair_rows(view: RunView) -> Iterable[list[str]]:
    for name, summary in view.summaries.items():
        pair, kind = view.pair(name), summary["kind"]
        if pair:
            yield [
                summary["label"],
                number(pair["a_mean"], kind),
                number(pair["b_mean"], kind),
                signed(pair["difference"], kind),
                signed_interval(pair["ci_low"], pair["ci_high"], kind),
                p_value(pair["p_value"]),
                str(pair["num_pairs"]),
            ]


def _class_rows(view: RunView) -> Iterable[list[str]]:
    for row in view.metrics["per_class"]:
        bounds = interval(row["ci_low"], row["ci_high"], "proportion")
        yield [title_case(row["label"]), str(row["correct"]), str(row["n"]), percent(row["accuracy"]), bounds]


def _markdown_table(table: Table) -> Iterable[str]:
    header, rows = table
    yield "| " + " | ".join(_escape(cell, _MARKDOWN) for cell in header) + " |"
    yield "|---" + "|---:" * (len(header) - 1) + "|"
    for row in rows:
        yield "| " + " | ".join(_escape(cell, _MARKDOWN) for cell in row) + " |"


def _latex(text: str) -> str:
    """Return ``text`` for LaTeX: composed characters, nothing invisible, nothing that LaTeX takes for its own."""
    composed = " ".join(unicodedata.normalize("NFC", printable(text)).split())
    shown = "".join(character for character in composed if unicodedata.category(character)[0] != "C")
    return _LIGATURE.sub(r"\1{}", _escape(shown, _LATEX))


def score_table(view: RunView) -> Iterable[str]:
    """Return the scores of a run as the lines of a Markdown table."""
    return _markdown_table(_tables(view)["scores"])


def escape_markdown(text: str) -> str:
    """Return ``text`` in one line, with nothing in it that Markdown takes for its own."""
    return _escape(text, _MARKDOWN)


def _escape(text: str, table: dict[str, str]) -> str:
    return "".join(table.get(character, character) for character in " ".join(text.split()))
