"""``vidtune_adapter.json``: what an adapter is and which base it belongs to, beside PEFT's own files."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from vidtune.adapters._config import AdapterConfig
from vidtune.config import build_config
from vidtune.core.durable import read_json, write_json
from vidtune.core.errors import ConfigInvalid, DataInvalid, ModelMismatch, ModelUnavailable

RECORD_FILE = "vidtune_adapter.json"
PEFT_FILE = "adapter_config.json"

_SCHEMA = 1


def is_adapter_folder(folder: Path) -> bool:
    """Return whether ``folder`` holds an adapter, written by vidtune or by PEFT alone."""
    return any((folder / name).is_file() for name in (RECORD_FILE, PEFT_FILE))


def base_of_adapter(folder: Path) -> str:
    """Return the name of the model that the adapter in ``folder`` was trained on, as ``load_model`` takes it.

    Raises:
        ModelMismatch: If the folder is no adapter, or does not say.
        ModelUnavailable: If it is a folder that is not there any more.
    """
    base = read_record(folder)["base"]["source"]
    if not base:
        raise ModelMismatch(f"{folder} does not say which base model it was trained on.", "Name the base yourself.")
    if Path(base).is_absolute() and not Path(base).exists():
        raise ModelUnavailable(
            f"{folder} is an adapter on the base {base}, and that folder is not there.", "Put or link the base there."
        )
    return str(base)


def adapter_config_of(folder: Path) -> AdapterConfig:
    """Return the config that the adapter in ``folder`` was made with.

    Raises:
        ModelMismatch: If the folder is no adapter, or is one of a kind that is not installed.
    """
    try:
        return build_config(AdapterConfig, read_record(folder)["config"], source=str(folder / RECORD_FILE))
    except ConfigInvalid as exc:
        raise ModelMismatch(
            exc.problem, "It was written by another version, or by a package that is not installed here."
        ) from exc


def write_record(
    folder: Path, config: AdapterConfig, base: Mapping[str, Any], processor: Mapping[str, Any] | None = None
) -> None:
    """Write the record of an adapter that is complete otherwise; ``processor`` where its settings are known."""
    write_json(
        folder / RECORD_FILE,
        {
            "schema": _SCHEMA,
            "kind": config.kind,
            "config": config.model_dump(mode="json"),
            "base": dict(base),
            **({"processor": dict(processor)} if processor is not None else {}),
            "versions": {name: metadata.version(name) for name in ("vidtune", "peft", "torch", "transformers")},
        },
    )


def processor_settings_of(folder: Path) -> dict[str, Any] | None:
    """Return how the processor showed the clips in training, such as ``{"max_pixels": 50176}``.

    None for an adapter that does not say: one of PEFT alone, or of a vidtune before these were kept.

    Raises:
        ModelMismatch: If the folder holds no adapter, or the record is damaged.
    """
    processor = read_record(folder).get("processor")
    return dict(processor) if isinstance(processor, Mapping) else None


def read_record(folder: Path) -> dict[str, Any]:
    """Read the record of an adapter; for one written by PEFT alone, what PEFT's config says.

    Raises:
        ModelMismatch: If the folder holds no adapter, or the record is damaged.
    """
    if not is_adapter_folder(folder):
        raise ModelMismatch(
            f"{folder} is no adapter: it has neither {RECORD_FILE} nor {PEFT_FILE}.",
            "Give the folder that training wrote, such as runs/<name>/checkpoints/best.",
        )
    try:
        if not (folder / RECORD_FILE).is_file():
            return _record_of_plain_peft(read_json(folder / PEFT_FILE))
        record = read_json(folder / RECORD_FILE)
        if record["schema"] != _SCHEMA:
            raise ModelMismatch(
                f"{folder / RECORD_FILE} has schema {record['schema']}, this vidtune reads {_SCHEMA}.",
                "Use the vidtune that wrote it.",
            )
        record["base"]["source"], record["config"]["kind"]  # noqa: B018
    except (DataInvalid, KeyError, TypeError) as exc:
        raise ModelMismatch(f"the adapter record in {folder} is damaged: {exc}.", "Use another checkpoint.") from exc
    return dict(record)


def base_identity(model: Any) -> dict[str, Any]:
    """Return what is known of the base: all of it when ``vidtune.models`` loaded it, its name otherwise."""
    known = getattr(model, "vidtune_base", None)
    if known is None:
        known = {
            "source": str(getattr(model, "name_or_path", "")),
            "config_sha256": None,
            "weights_sample_sha256": None,
        }
    return dict(known)


def check_base(folder: Path, model: Any) -> None:
    """Check that ``model`` is the base that the adapter in ``folder`` was trained on.

    Raises:
        ModelMismatch: If architecture or weights are others; it names both.
    """
    wanted, found = read_record(folder)["base"], base_identity(model)
    for key, what in (("config_sha256", "architecture"), ("weights_sample_sha256", "weights")):
        if wanted.get(key) and found.get(key) and wanted[key] != found[key]:
            raise ModelMismatch(
                f"the adapter in {folder} was trained on {wanted['source']} ({what} {wanted[key][:12]}), "
                f"but the model given is {found['source']} ({what} {found[key][:12]}).",
                "Load it on its own base, or train it again on this one.",
            )


def _record_of_plain_peft(peft_config: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(peft_config["peft_type"]).lower()
    return {
        "config": {
            "kind": kind,
            "rank": peft_config.get("r"),
            "alpha": peft_config.get("lora_alpha"),
            "dropout": peft_config.get("lora_dropout"),
        },
        "base": {"source": peft_config.get("base_model_name_or_path") or ""},
    }
