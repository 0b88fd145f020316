"""Packages that only some families need, and that come with an extra of vidtune."""

from __future__ import annotations

import importlib.util

from vidtune.core.errors import ModelUnavailable


def require_package(package: str, *, family: str, purpose: str) -> None:
    """Make sure that a package is installed, before transformers fails without it in its own words.

    Args:
        package: Its import name.
        family: Who needs it.
        purpose: What for, as it goes on after "for".

    Raises:
        ModelUnavailable: If it is not installed; names the extra that brings it.
    """
    if importlib.util.find_spec(package) is None:
        raise ModelUnavailable(
            f"{family} needs the package {package} for {purpose}, and it is not installed.",
            "Install the extra that brings it: pip install 'vidtune[families]'.",
        )
