"""Reports: from a run directory to a workbook, a page, Markdown, LaTeX and figures. Imports no model code."""

from __future__ import annotations

from pathlib import Path

from vidtune.core.progress import Progress, silent
from vidtune.core.rundir import RunDirectory
from vidtune.reports._card import NotTrained, render_card
from vidtune.reports._figures import write_figures
from vidtune.reports._grid import remove_stale
from vidtune.reports._markdown import write_summaries
from vidtune.reports._page import write_page
from vidtune.reports._view import NotScored, read_run
from vidtune.reports._workbook import write_workbook
from vidtune.reports.comparison import write_comparison_reports
from vidtune.reports.sections import build_sections

__all__ = ["NotScored", "NotTrained", "render_card", "write_comparison_reports", "write_reports"]


def write_reports(
    run: RunDirectory, *, baseline: RunDirectory | None = None, progress: Progress = silent
) -> list[Path]:
    """Write every report of a run and return where they lie; of one without scores, what there is.

    The same run directory gives the same bytes. Reports can be made again at any time; nothing but them is written.

    Args:
        run: The run directory; only its files are read.
        baseline: Run of the untuned model over the same samples, shown side by side.
        progress: Told after each report.

    Returns:
        The workbook, the page, the Markdown summary, the folder of LaTeX tables and, when there is something to
        draw, the folder of figures.

    Raises:
        NotScored: If there are neither scores nor predictions.
        DataInvalid: If its metrics are of another schema, or the predictions they are about are not there.
        RunCorrupt: If a record file is damaged.
        DiskFull: If there is no room; reports that were there before stay as they were.
    """
    view = read_run(run, baseline, unscored=True)
    sections = build_sections(view)
    writers = (write_workbook, write_page, write_summaries, write_figures)
    parts: set[Path] = set()
    for done, write in enumerate(writers, start=1):
        parts |= write(view, sections) or set()
        progress("reports", done, len(writers))
    remove_stale(run.path, parts)
    written = (run.report_xlsx, run.report_html, run.path / "report.md", run.path / "tables", run.path / "figures")
    return [path for path in written if path.exists()]
