"""A table from names to parts, filled lazily: core parts and plugins enter through the same door."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Generic, TypeVar, cast

PartT = TypeVar("PartT")


class Registry(Generic[PartT]):
    """Names of one kind of part, each a ``"module:attribute"`` imported when first asked for.

    Args:
        kind: What the parts are, in the singular ("metric"). Installed packages add their own
            through the entry-point group ``vidtune.<kind>``.
        parts: The parts that come with vidtune.
    """

    def __init__(self, kind: str, parts: Mapping[str, str] | None = None) -> None:
        self.kind = kind
        self._targets: dict[str, str | PartT] = dict(parts or {})
        self._has_plugins = False

    def register(self, name: str, target: str | PartT) -> None:
        """Add one part.

        Raises:
            ValueError: If the name is taken; a part is never replaced silently.
        """
        if name in self._targets:
            raise ValueError(f"{self.kind} {name!r} is registered already; choose another name.")
        self._targets[name] = target

    def names(self) -> list[str]:
        """Return all names, sorted, plugins included."""
        self._find_plugins()
        return sorted(self._targets)

    def get(self, name: str) -> PartT:
        """Return the part of that name, importing it if need be.

        Raises:
            LookupError: If there is none; the message offers the nearest name and lists all.
        """
        if name not in self._targets:
            self._find_plugins()
        if name not in self._targets:
            near = difflib.get_close_matches(name, self._targets, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise LookupError(f"Unknown {self.kind} {name!r}.{hint} Known: {', '.join(self.names())}.")
        target = self._targets[name]
        if isinstance(target, str):
            module_name, _, attribute = target.partition(":")
            target = cast(PartT, getattr(importlib.import_module(module_name), attribute))
            self._targets[name] = target
        return target

    def _find_plugins(self) -> None:
        if self._has_plugins:
            return
        self._has_plugins = True
        for entry in metadata.entry_points(group=f"vidtune.{self.kind}"):
            self.register(entry.name, entry.value)


def parts_in_folder(package: str, path: Iterable[str], attribute: str) -> dict[str, str]:
    """Return the parts of a folder of modules by module name; nothing is imported.

    So one part added is one file added. Modules whose name begins with an underscore hold what several parts share.

    Args:
        package: Full name of the folder's package.
        path: Its ``__path__``.
        attribute: What every module calls its part, e.g. ``READER``.
    """
    names = (module.name for module in pkgutil.iter_modules(path) if not module.name.startswith("_"))
    return {name: f"{package}.{name}:{attribute}" for name in names}
