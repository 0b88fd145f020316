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
    '"': r"\textquotedbl{}",  # the plain one is curled by fontspec, and a command of babel in some languages
    "`": r"\textasciigrave{}",
    "[": "{[}",  # after a row's end it would begin the argument of the line break
    "*": "{*}",
    "\ufffd": "?",  # LuaLaTeX takes it for a damaged file
}
_LIGATURE = re.compile(r"([-',])(?=\1)")
# What pdfLaTeX sets in T1, found by compiling every one of them.
_PDFLATEX_LAST = "\u017f"
_PDFLATEX_NOT = frozenset("ĦħĸĿŀŉŦŧſ")
_PDFLATEX_ALSO = frozenset("–—‘’‚“”„†‡•…‰€™")

Table = tuple[Sequence[str], Sequence[Sequence[str]]]


def render_latex(table: Table, note: str = "") -> str:
    """Return a table in booktabs; ``note`` stands below it."""
    header, rows = table
    body = "".join(" & ".join(map(_latex, row)) + " \\\\\n" for row in rows)
    below = f"\\multicolumn{{{len(header)}}}{{l}}{{{_latex(note)}}} \\\\\n" if note else ""
    shown = (
        f"\\begin{{tabular}}{{l{'r' * (len(header) - 1)}}}\n\\toprule\n"
        f"{' & '.join(map(_latex, header))} \\\\\n\\midrule\n"
        f"{body}\\bottomrule\n{below}\\end{{tabular}}\n"
    )
    return f"% Needs the package booktabs; {_engine(shown)}\n{shown}"


def _engine(source: str) -> str:
    """Return which LaTeX can set ``source``."""
    beyond = {character for character in source if character > _PDFLATEX_LAST} - _PDFLATEX_ALSO
    if beyond or not _PDFLATEX_NOT.isdisjoint(source):
        return "holds characters that pdfLaTeX does not know: use LuaLaTeX or XeLaTeX."
    return "with pdfLaTeX also \\usepackage[T1]{fontenc}."


def _latex(text: str) -> str:
    """Return ``text`` for LaTeX: composed characters, nothing invisible, nothing that LaTeX takes for its own."""
    composed = " ".join(unicodedata.normalize("NFC", printable(text)).split())
    shown = "".join(character for character in composed if unicodedata.category(character)[0] != "C")
    return _LIGATURE.sub(r"\1\\/", replace_characters(shown, _LATEX))
