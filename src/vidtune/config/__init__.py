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
from vidtune.config._cache import CacheConfig

__all__ = [
    "CacheConfig",
    "Config",
    "apply_overrides",
    "build_config",
    "config_hash",
    "dump_config",
    "load_recipe",
    "salvage_recipe",
]
