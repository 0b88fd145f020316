"""Reports of several runs side by side, from their run directories and the record of their comparison."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vidtune.core.durable import write_atomic
from vidtune.core.progress import Progress, silent
from vidtune.core.rundir import RunDirectory
from vidtune.reports._book import Book
from vidtune.reports._cells import printable
from vidtune.reports._grid import Picture, Section, remove_stale, slug
from vidtune.reports._html import page_section, render_template
from vidtune.reports._latex import render_latex
from vidtune.reports._markdown import escape_markdown, section_lines
from vidtune.reports._plot import render
from vidtune.reports._sheets import write_section
from vidtune.reports.comparison._differences import Difference, find_differences
from vidtune.reports.comparison._read import Compared, read_compared
from vidtune.reports.comparison._recommend import RULE, Recommendation, recommend
from vidtune.reports.comparison._sections import build_sections

__all__ = ["write_comparison_reports"]


def write_comparison_reports(
    runs: Sequence[RunDirectory], record: Mapping[str, Any], folder: Path, *, progress: Progress = silent
) -> list[Path]:
    """Write ``report.html``, ``.xlsx``, ``.md``, ``tables/`` and ``figures/`` of several runs into ``folder``.

    The same runs and record give the same bytes.

    Args:
        runs: Two or more scored runs over the same samples; the first is what the others are compared with.
        record: Their comparison, as ``vidtune compare`` writes it: of two runs or of many.
        folder: Gets the reports.
        progress: Told after each report.

    Raises:
        BadUsage: If there are fewer than two runs, or two of one name.
        NotScored: If one was not evaluated.
        DataInvalid: If the record holds no pairs.
    """
    compared = read_compared(runs, record, folder)
    chosen = recommend(compared)
    differences = find_differences(compared)
    sections = build_sections(compared)
    drawn = _draw(sections)
    shown = [_with_picture(section, drawn) for section in sections]
    written: dict[Path, bytes | str] = {
        folder / "report.html": _page(compared, chosen, shown, differences),
        folder / "report.md": _markdown(compared, chosen, sections, differences),
        folder / "report.xlsx": _workbook(compared, chosen, sections, differences),
    }
    for section in sections:
        for grid in section.tables:
            written[folder / "tables" / f"{slug(grid.name)}.tex"] = render_latex((grid.header, grid.rows))
    written |= {folder / "figures" / name: content for name, content in drawn.items()}
    for done, (path, content) in enumerate(written.items(), start=1):
        write_atomic(path, content)
        progress("reports", done, len(written))
    remove_stale(folder, set(written))
    return [folder / name for name in ("report.xlsx", "report.html", "report.md", "tables", "figures")]


def _draw(sections: Sequence[Section]) -> dict[str, bytes]:
    """Return every figure as PNG and PDF, by file name."""
    found: dict[str, bytes] = {}
    for section in sections:
        figure = section.draw() if section.draw else None
        if figure is not None:
            found |= {f"{section.name}.{suffix}": content for suffix, content in render(figure).items()}
    return found


def _with_picture(section: Section, drawn: Mapping[str, bytes]) -> Section:
    content = drawn.get(f"{section.name}.png")
    if content is None or any(grid.spans for grid in section.tables):
        return section  # what the page draws beside the table itself is not shown twice
    source = "data:image/png;base64," + base64.b64encode(content).decode()
    return replace(section, pictures=(Picture(f"{section.title}: the same figures as in the table below", source),))


def _page(
    compared: Compared, chosen: Recommendation, sections: Sequence[Section], differences: Sequence[Difference]
) -> str:
    return render_template(
        "comparison.html.jinja",
        ("tables.js",),
        compared=compared,
        chosen=chosen,
        rule=RULE,
        leading=compared.metrics.get(compared.leading),
        sections=[page_section(section) for section in sections],
        score_rows=_leading_rows(sections),
        differences=differences,
        doubts=_doubts(compared),
    )


def _leading_rows(sections: Sequence[Section]) -> list[tuple[str, ...]]:
    """Return the rows of the leading score, the first there are."""
    rows = sections[0].tables[0].rows
    return [row for row in rows if row[0] == rows[0][0]] if rows else []


def _doubts(compared: Compared) -> list[tuple[str, tuple[str, ...]]]:
    """Return what each run's own report warns of: what is missing, and the trust checks that failed."""
    return [
        (
            name,
            (*view.missing, *(check["message"] for check in view.metrics["trust"] if check["status"] == "fail")),
        )
        for name, view in zip(compared.names, compared.views, strict=True)
    ]


def _markdown(
    compared: Compared, chosen: Recommendation, sections: Sequence[Section], differences: Sequence[Difference]
) -> str:
    lines = [
        f"# {escape_markdown(' against '.join(compared.names))}",
        "",
        f"**{escape_markdown(chosen.headline)}**",
        "",
    ]
    lines += [f"- {escape_markdown(reason)}" for reason in chosen.reasons]
    lines += ["", f"The rule: {escape_markdown(RULE)}", ""]
    for sentence in compared.sentences:
        lines += [escape_markdown(sentence), ""]
    for name, doubts in _doubts(compared):
        lines += [f"- **{escape_markdown(name)}**: {escape_markdown(doubt)}" for doubt in doubts]
    lines.append("")
    for section in sections:
        lines += section_lines(section)
    lines += ["## Where they differ most", ""]
    for one in differences:
        lines += [f"- **{escape_markdown(one.video)}**: {escape_markdown(one.question)}"]
        lines += [f"  - Expert: {escape_markdown(one.answer)}"]
        lines += [
            f"  - {escape_markdown(run)}: {escape_markdown(text)} ({escape_markdown(marks)})"
            for run, text, marks in one.answers
        ]
    return printable("\n".join(lines) + "\n")


def _workbook(
    compared: Compared, chosen: Recommendation, sections: Sequence[Section], differences: Sequence[Difference]
) -> bytes:
    book = Book(f"Comparison: {', '.join(compared.names)}")
    lines = [("Recommendation", chosen.headline), *(("Because", reason) for reason in chosen.reasons), ("Rule", RULE)]
    lines += [("In words", sentence) for sentence in compared.sentences]
    lines += [(name, doubt) for name, doubts in _doubts(compared) for doubt in doubts]
    sheet = book.add_sheet("Verdict", [("What", 24.0), ("In words", 120.0)])
    for at, line in enumerate(lines, start=1):
        book.write_texts(sheet, at, line, (24.0, 120.0))
    for section in sections:
        write_section(book, section)
    columns = [("Video Path", 36.0), ("Question", 40.0), ("Ground Truth", 44.0)]
    columns += [pair for name in compared.names for pair in ((name, 44.0), (f"{name}: scores", 30.0))]
    sheet = book.add_sheet("Differences", columns)
    for at, one in enumerate(differences, start=1):
        texts = [one.video, one.question, one.answer, *(text for _, *told in one.answers for text in told)]
        book.write_texts(sheet, at, texts, [width for _, width in columns])
    return book.close()
