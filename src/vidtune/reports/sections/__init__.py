"""One file per section that all reports show: a file put into this folder is one.

Each has ``ORDER``, its place among them, and ``build(view)``, which returns the section, or None where the run holds
nothing of the kind. Shared parts begin with an underscore.
"""

from __future__ import annotations

import importlib
import pkgutil

from vidtune.reports._grid import Section
from vidtune.reports._view import RunView

__all__ = ["build_sections"]


def build_sections(view: RunView) -> list[Section]:
    """Return what there is to show of a run, in order."""
    names = [module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")]
    modules = sorted((importlib.import_module(f"{__name__}.{name}") for name in names), key=lambda one: one.ORDER)
    found = (module.build(view) for module in modules)
    return [section for section in found if section is not None]
