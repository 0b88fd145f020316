"""The base of all configs, and how a recipe file becomes one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from vidtune.core.errors import ConfigInvalid
from vidtune.core.hashing import hash_json
from vidtune.core.wording import counted

ConfigT = TypeVar("ConfigT", bound="Config")


class Config(BaseModel):
    """Base of all configs: immutable, no unknown keys, no NaN, documented field by field."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True, protected_namespaces=()
    )


def load_recipe(config_class: type[ConfigT], path: Path | None, overrides: Sequence[str] = ()) -> ConfigT:
    """Read a YAML recipe, apply ``key.path=value`` overrides and validate all of it at once.

    Args:
        config_class: What the recipe must be.
        path: The YAML file; None starts from the defaults.
        overrides: Each ``"sampling.num_frames=16"``; values are parsed as YAML.

    Raises:
        ConfigInvalid: Naming every wrong key or value, not only the first.
    """
    return build_config(config_class, _read_values(path, overrides), source=str(path) if path else "defaults")


def salvage_recipe(
    config_class: type[ConfigT], path: Path, overrides: Sequence[str] = ()
) -> tuple[ConfigT | None, list[str]]:
    """Read a recipe that does not hold: what is wrong is named and left at its default, and the rest can be checked.

    A finding that only follows from what was left out is not named.

    Returns:
        The config without what is wrong, or None if nothing can stand in for it; and every finding.

    Raises:
        ConfigInvalid: If the file cannot be read at all.
    """
    values = _read_values(path, overrides)
    findings: list[str] = []
    touched: set[str] = set()
    while True:
        try:
            return config_class.model_validate(values), findings
        except ValidationError as exc:
            wrong = [(_place_of(error, config_class), _describe(error)) for error in exc.errors()]
        findings += [text for place, text in wrong if not _follows(place, text, touched)]
        if not all(place and place[0] in values for place, _ in wrong):
            return None, findings  # something required is missing, or a rule names no section
        for place, _ in wrong:
            _remove(values, place)
            touched.add(place[0])


def _read_values(path: Path | None, overrides: Sequence[str]) -> dict[str, Any]:
    values: Any = {}
    if path is not None:
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8-sig")) or {}
        except FileNotFoundError as exc:
            raise ConfigInvalid(f"recipe {path} does not exist.", "Check the path.") from exc
        except (yaml.YAMLError, UnicodeDecodeError) as exc:
            reason = " ".join(str(exc).split())
            raise ConfigInvalid(f"recipe {path} is not valid YAML: {reason}.", "Mend the file.") from exc
        if not isinstance(values, dict):
            raise ConfigInvalid(f"recipe {path} holds a {type(values).__name__}, expected keys and values.")
    return apply_overrides(values, overrides)


def _place_of(error: Any, config_class: type[Config]) -> tuple[str, ...]:
    """Return the keys of what is wrong; a rule over the whole names the section that it speaks of first."""
    place = tuple(str(part) for part in error["loc"])
    if place:
        return place
    message = str(error["msg"]).removeprefix("Value error, ")
    return tuple(name for name in config_class.model_fields if re.match(rf"{name}\b", message))[:1]


def _follows(place: tuple[str, ...], text: str, touched: set[str]) -> bool:
    """Whether a finding may only follow from what was left out of these sections before."""
    return any(section in place[:1] or re.search(rf"\b{section}\b", text) for section in touched)


def _remove(values: dict[str, Any], place: Sequence[str]) -> None:
    """Remove the deepest value that ``place`` leads to, if there is any."""
    if not place or place[0] not in values:
        return
    inner = values[place[0]]
    if len(place) > 1 and isinstance(inner, dict) and place[1] in inner:
        _remove(inner, place[1:])
    else:
        del values[place[0]]


def apply_overrides(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return a copy of nested ``values`` with each ``key.path=value`` set."""
    result = _copy(values)
    for override in overrides:
        key, found, text = override.partition("=")
        if not found or not key.strip():
            raise ConfigInvalid(
                f"--set {override!r} is not of the form key=value.", "Write e.g. --set adapter.rank=16."
            )
        *parents, leaf = key.strip().split(".")
        target = result
        for parent in parents:
            target = target.setdefault(parent, {})
            if not isinstance(target, dict):
                raise ConfigInvalid(f"--set {override!r}: {parent!r} is a value, not a group of settings.")
        try:
            target[leaf] = yaml.safe_load(text)
        except yaml.YAMLError as exc:
            raise ConfigInvalid(f"--set {override!r}: {text!r} is not a valid value.") from exc
    return result


def build_config(config_class: type[ConfigT], values: Mapping[str, Any], *, source: str) -> ConfigT:
    """Validate ``values``; every problem is named in one ``ConfigInvalid``."""
    try:
        return config_class.model_validate(values)
    except ValidationError as exc:
        lines = [_describe(error) for error in exc.errors()]
        raise ConfigInvalid(
            f"{config_class.__name__} from {source} has {counted(len(lines), 'problem')}: " + "; ".join(lines) + ".",
        ) from exc


def dump_config(config: Config) -> str:
    """Return the resolved config as YAML, with its hash in a comment on the first line."""
    body = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    return f"# hash: {config_hash(config)}\n{body}"


def config_hash(config: Config) -> str:
    """Return the hash that stands for exactly these settings."""
    return hash_json(config.model_dump(mode="json"))


def _describe(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"]) or "(whole)"
    message = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    if error["type"] == "extra_forbidden":
        return f"{where}: no such setting"
    return f"{where} = {error['input']!r:.80}: {message}" if error["loc"] else message


def _copy(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, Mapping) else value for key, value in values.items()}
