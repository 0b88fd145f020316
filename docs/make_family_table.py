"""Write the table of model families into ``docs/models.md``; with ``--check``, fail if it is stale.

Every cell comes from the family's object or from the table of checkpoints in the README of its folder.
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

from vidtune.models import families

PAGE = Path(__file__).with_name("models.md")
BEGIN, END = "<!-- families: written by `make docs` -->", "<!-- families: end -->"

_COLUMNS = ("family", "`model_type`", "towers", "a clip is", "frames", "class in transformers", "made for")
_FIRST_CELL = re.compile(r"^\| (.+?) \|", re.MULTILINE)
_NAME = re.compile(r"`([\w./-]+)`")
_ORDER = ("vision", "projector", "language", "audio")
_NOTHING = "(?!)"


def family_row(name: str, family: Any) -> str:
    """Return the line of one family."""
    folder = Path(inspect.getfile(type(family))).parent
    link = f"[`{name}`](../{folder.relative_to(PAGE.parent.parent).as_posix()}/README.md)"
    reached = [modality for modality in family.modalities if family.linear_targets(modality) != _NOTHING]
    towers = ", ".join(
        modality if modality in reached else f"{modality} (not adapted)"
        for modality in sorted(family.modalities, key=_ORDER.index)
    )
    policy = family.frame_policy
    frames = f"{policy.num_frames}" + (f", at most {policy.max_frames}" if policy.max_frames is not None else "")
    frames += f", in groups of {policy.multiple}" if policy.multiple > 1 else ""
    model_class = getattr(family, "model_class", None)
    types = ", ".join(f"`{model_type}`" for model_type in family.model_types)
    clip = "one video" if policy.frames_as == "video" else "a list of images"
    owner = f"`{model_class}`" if isinstance(model_class, str) else "vidtune's own"
    return f"| {link} | {types} | {towers} | {clip} | {frames} | {owner} | {checkpoints(folder)} |"


def checkpoints(folder: Path) -> str:
    """Return the names in the first column of the README's tables that are checkpoints: ``nano`` and hub ids."""
    cells = _FIRST_CELL.findall((folder / "README.md").read_text(encoding="utf-8"))
    names = [name for cell in cells for name in _NAME.findall(cell)]
    return ", ".join(f"`{name}`" for name in names if name == "nano" or "/" in name)


def page_with_table(page: str) -> str:
    """Return the page with the table between its marks written anew."""
    found_here = {name: families.get(name) for name in families.names()}
    rows = [family_row(name, family) for name, family in found_here.items() if _is_ours(family)]
    head = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}"
    before, _, rest = page.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{PAGE} has no lines {BEGIN!r} and {END!r}; put them where the table belongs.")
    return f"{before}{BEGIN}\n\n{head}\n" + "\n".join(rows) + f"\n\n{END}{after}"


def _is_ours(family: Any) -> bool:
    """Whether it comes with vidtune and not from another installed package."""
    return type(family).__module__.startswith("vidtune.models.families.")


def main() -> int:
    """Write the page, or compare it."""
    page = PAGE.read_text(encoding="utf-8")
    text = page_with_table(page)
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if page != text:
        print(f"{PAGE} is stale: run `make docs`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
