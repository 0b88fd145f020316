"""Base config, recipes, overrides and hashes."""

from vidtune.config._base import (
    Config,
    apply_overrides,
    build_config,
    config_hash,
    dump_config,
    load_recipe,
    salvage_recipe,
)

__all__ = ["Config", "apply_overrides", "build_config", "config_hash", "dump_config", "load_recipe", "salvage_recipe"]
