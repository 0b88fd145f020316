"""LaTeX: tables in booktabs whose every character is set as itself."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from vidtune.reports._cells import printable, replace_characters

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

Table = tuple[Sequence[str], Sequence[Sequence[str]]]


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


def _latex(text: str) -> str:
    """Return ``text`` for LaTeX: composed characters, nothing invisible, nothing that LaTeX takes for its own."""
    composed = " ".join(unicodedata.normalize("NFC", printable(text)).split())
    shown = "".join(character for character in composed if unicodedata.category(character)[0] != "C")
    return _LIGATURE.sub(r"\1{}", replace_characters(shown, _LATEX))
