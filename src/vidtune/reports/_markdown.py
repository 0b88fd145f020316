"""The short summary: Markdown for a pull request, and the tables of all sections as LaTeX for a paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from vidtune.core.durable import write_atomic
from vidtune.reports._cells import printable, replace_characters
from vidtune.reports._grid import Grid, Section, slug
from vidtune.reports._latex import render_latex
from vidtune.reports._tables import run_tables
from vidtune.reports._trust import CHECK_WORDS, check_name
from vidtune.reports._view import RunView

_MARKDOWN = {character: "\\" + character for character in "\\`*_{}[]<>#|!~"}


def write_summaries(view: RunView, sections: Sequence[Section] = ()) -> set[Path]:
    """Write ``report.md`` and ``tables/*.tex`` of a scored run; return where the tables lie."""
    written = set()
    write_atomic(view.run.path / "report.md", printable(render_markdown(view, sections)))
    for grid in [*run_tables(view), *(grid for section in sections for grid in section.tables)]:
        latex = render_latex((grid.header, grid.rows), note=view.unfinished)
        path = view.run.path / "tables" / f"{slug(grid.name)}.tex"
        write_atomic(path, latex)
        written.add(path)
    return written


def render_markdown(view: RunView, sections: Sequence[Section] = ()) -> str:
    """Return verdict, scores, comparison, trust, sections and what failed as Markdown."""
    verdict = view.metrics["verdict"]
    lines = [f"# {escape_markdown(verdict['headline'])}", ""]
    lines += [f"**Incomplete.** {escape_markdown(sentence)}\n" for sentence in view.missing]
    lines += [f"{escape_markdown(sentence)}\n" for sentence in verdict["sentences"]]
    for grid in run_tables(view):
        lines += [f"## {grid.title}", "", *markdown_table(grid), ""]
    lines += ["## Can it be trusted?", ""]
    lines += [
        f"- **{CHECK_WORDS.get(check['status'], check['status'])}** {escape_markdown(check_name(check))}: "
        f"{escape_markdown(check['message'])}"
        for check in view.metrics["trust"]
    ]
    lines.append("")
    for section in sections:
        lines += section_lines(section)
    if view.failures:
        lines += ["## What failed", ""]
        for failure in view.failures:
            told = " ".join([failure.problem, *failure.remedies])
            lines.append(f"- {escape_markdown(failure.code)}: {len(failure.rows)}. {escape_markdown(told)}")
        lines.append("")
    lines.append(
        f"Predictions: `{view.metrics['predictions_sha256']}` (SHA-256). Details: report.html beside this file."
    )
    return "\n".join(lines) + "\n"


def section_lines(section: Section) -> Iterable[str]:
    """Yield a section: its words, then its tables."""
    yield from (f"## {escape_markdown(section.title)}", "", escape_markdown(section.lead), "")
    if section.notes:
        yield from (f"- {escape_markdown(note)}" for note in section.notes)
        yield ""
    for grid in section.tables:
        yield from (f"### {escape_markdown(grid.title)}", "", *markdown_table(grid), "")


def markdown_table(grid: Grid) -> Iterable[str]:
    """Yield a table's lines."""
    yield "| " + " | ".join(escape_markdown(cell) for cell in grid.header) + " |"
    yield "|---" + "|---:" * (len(grid.header) - 1) + "|"
    for row in grid.rows:
        yield "| " + " | ".join(escape_markdown(cell) for cell in row) + " |"


def score_table(view: RunView) -> Iterable[str]:
    """Return the scores of a run as the lines of a Markdown table."""
    return markdown_table(run_tables(view)[0])


def escape_markdown(text: str) -> str:
    """Return ``text`` in one line, with nothing in it that Markdown takes for its own."""
    return replace_characters(text, _MARKDOWN)
