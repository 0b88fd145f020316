"""Which families there are: those whose folder is in ``families``, and those that packages bring."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from vidtune.core.errors import ModelMismatch
from vidtune.core.registry import Registry

if TYPE_CHECKING:
    from vidtune.models._family import Family

# Imported here, before ``vidtune.models`` binds its registry to the same name: Python puts a subpackage into its
# parent when it is first imported, and would put the folder in the registry's place later on.
_folder = importlib.import_module("vidtune.models.families")


def _family_folders() -> dict[str, str]:
    """Return, for every folder in ``families``, where its family is to be imported from; nothing is imported."""
    return {
        module.name: f"{_folder.__name__}.{module.name}:FAMILY"
        for module in pkgutil.iter_modules(_folder.__path__)
        if module.ispkg
    }


families: Registry[Family] = Registry("family", _family_folders())
"""All families by name; packages add theirs under ``vidtune.family``."""


def find_family(model_type: str, source: str) -> Family:
    """Return the family that opens checkpoints of ``model_type``; ``source`` is what the user called the checkpoint.

    Raises:
        ModelMismatch: If there is none; lists the known ones.
    """
    # Most families are named as the model type that they open: then no other one is imported.
    names = families.names()
    for name in sorted(names, key=lambda name: name != model_type):
        family = families.get(name)
        if model_type in getattr(family, "model_types", (name,)):
            return family
    raise ModelMismatch(
        f"{source} is a {model_type or 'nameless'!r} model (model_type in config.json); "
        f"known families: {', '.join(names)}.",
        "Give a model of a known family, or install a package that adds this one (entry point vidtune.family).",
    )
