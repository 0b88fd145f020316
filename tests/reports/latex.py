"""A reader of just so much LaTeX as our tables use: whatever else stands in a file is an error."""

from __future__ import annotations

import re

_COMMANDS = {
    r"\textbackslash{}": "\\",
    r"\textasciicircum{}": "^",
    r"\textasciitilde{}": "~",
    r"\textless{}": "<",
    r"\textgreater{}": ">",
    r"\textbar{}": "|",
    r"\textquotedbl{}": '"',
    r"\textasciigrave{}": "`",
    "{[}": "[",
    "{*}": "*",
    **{"\\" + character: character for character in "{}$&#_%"},
}
_TOKEN = re.compile(
    "|".join(map(re.escape, _COMMANDS)) + r"|(?<=[-\',])\\/(?=[-\',])|[^\\\\{}$&#_%^~<>|\"`\\[*]", re.DOTALL
)


def read_table(latex: str) -> list[list[str]]:
    """Return the cells of a table as a reader of the paper sees them: header first."""
    lines = [line for line in latex.splitlines() if not line.startswith("% ")]
    begin, top, header, middle, *body, bottom, end = lines
    assert re.fullmatch(r"\\begin\{tabular\}\{lr*\}", begin), begin
    assert (top, middle, bottom, end) == ("\\toprule", "\\midrule", "\\bottomrule", "\\end{tabular}")
    return [read_row(line) for line in [header, *body]]


def read_row(line: str) -> list[str]:
    """Return the cells of one row."""
    assert line.endswith(" \\\\"), line
    return [read_text(cell) for cell in line.removesuffix(" \\\\").split(" & ")]


def read_text(source: str) -> str:
    """Return what LaTeX sets for ``source``; fail at the first character that would not be set as itself."""
    shown, position = "", 0
    while position < len(source):
        token = _TOKEN.match(source, position)
        assert token, f"{source[position : position + 20]!r} is not escaped in {source!r}"
        shown += "" if token[0] == r"\/" else _COMMANDS.get(token[0], token[0])
        position = token.end()
    for ligature in ("--", "''", ",,"):
        assert ligature not in source, f"{ligature!r} is set as another character in {source!r}"
    return shown
