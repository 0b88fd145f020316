"""From values to a page: one file, every text escaped, only our own script allowed."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from vidtune.reports._cells import printable
from vidtune.reports._charts import axis_end, x_of
from vidtune.reports._grid import Grid, Section

_TEMPLATES = Path(__file__).with_name("templates")
# Nothing that could end the element the data stands in, and no line end that only JavaScript knows.
_SCRIPT_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def render_template(name: str, script_names: tuple[str, ...], **values: Any) -> str:
    """Return a page of ``templates/`` with our style and script in it; its policy allows that script and no other."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    templates.filters["whole"] = keep_whole
    script = "".join((_TEMPLATES / one).read_text(encoding="utf-8") for one in script_names)
    html = templates.get_template(name).render(
        # Ours, not the run's: the only texts that are not escaped.
        style=Markup((_TEMPLATES / "report.css").read_text(encoding="utf-8")),  # noqa: S704
        script=Markup(script),  # noqa: S704
        script_hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **values,
    )
    return printable(html)


def keep_whole(text: str) -> str:
    """Return ``text`` with no line end between a number and its per cent sign."""
    return text.replace(" %", "\u00a0%")


def as_script_data(value: Any) -> Markup:
    """Return JSON for a data element: it is read as data and cannot end the element or become markup."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(printable(text).translate(_SCRIPT_ESCAPES))  # noqa: S704


def page_section(section: Section) -> dict[str, Any]:
    """Return a section as the template shows it: positions of what is drawn worked out."""
    tables = []
    for grid in section.tables:
        spans = grid.spans or (None,) * len(grid.rows)
        end = axis_end([at for span in spans if span is not None for at in (span.mean, span.high, span.beside)])
        drawn = [
            None
            if span is None
            else {
                "mean": x_of(span.mean, end),
                "low": x_of(span.low, end),
                "high": x_of(span.high, end),
                "blind": x_of(span.beside, end),
                "base": None,
                "aria": f"{span.mean:.3f}",
            }
            for span in spans
        ]
        tables.append(
            {
                "grid": grid,
                "rows": list(zip(grid.rows, drawn, strict=True)),
                "is_drawn": any(grid.spans),
                "span_title": f"{grid.span_title}, 0 to {end}",
                "is_number": [bool(at) and _is_number(grid, at) for at in range(len(grid.header))],
            }
        )
    return {"section": section, "tables": tables}


def _is_number(grid: Grid, column: int) -> bool:
    """Whether a column holds numbers, and is set to the right."""
    cells = [row[column] for row in grid.rows]
    return all(cell[:1] in "0123456789+-<" or cell.startswith("none") for cell in cells)
