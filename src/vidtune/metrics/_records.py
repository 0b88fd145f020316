"""Results as JSON values: what is returned equals what is read back."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any


def as_json_values(value: Any) -> Any:
    """Return dataclasses as dicts and sequences as lists, all the way down."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json_values(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [as_json_values(one) for one in value]
    return value
