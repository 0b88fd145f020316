"""Where a checkpoint is: the packaged nano, a folder, or the Hugging Face hub and its local cache.

Only configuration, tokenizer, template and safetensors files are ever fetched: no pickles and no code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidtune.core.durable import read_json
from vidtune.core.errors import DataInvalid, ModelMismatch, ModelUnavailable

NANO_FOLDER = Path(__file__).parent / "nano" / "weights"

_HUB_ID = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
_HUB_FILES = ["*.json", "*.jinja", "*.safetensors", "merges.txt", "vocab.txt", "*.model"]
_PROBE_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder on this machine."""

    source: str
    """Its lasting name: ``nano``, ``owner/name[@revision]``, or an absolute folder."""

    folder: Path
    config: Mapping[str, Any]
    """What its config.json says."""

    @property
    def model_type(self) -> str:
        """The architecture that config.json names; empty when it names none."""
        return str(self.config.get("model_type", ""))


def find_checkpoint(source: str | Path) -> Checkpoint:
    """Return the checkpoint that ``source`` names, fetching it from the hub if it is not here.

    Args:
        source: ``"nano"``, a folder (a path that exists), or a hub id ``owner/name``, with ``@revision`` to pin one.
            ``"nano"`` always is the packaged model; write ``./nano`` for a folder of that name.

    Raises:
        ModelUnavailable: If it is nowhere; the message says what was tried and what to do.
        ModelMismatch: If the folder is an adapter, or holds no model that can be loaded safely.
    """
    name = str(source)
    if name == "nano":
        return _open_folder(name, NANO_FOLDER)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _open_folder(str(folder.resolve()), folder.resolve())
    if folder.exists():
        raise ModelMismatch(f"{name} is a file, expected a model folder.", f"Give its folder: {folder.parent}.")
    match = _HUB_ID.fullmatch(name)
    if match is None or name.startswith((".", "/", "~")):
        raise ModelUnavailable(
            f"{name!r} is no folder here and no hub id (owner/name).",
            "Give 'nano', a folder that exists, or a hub id such as Qwen/Qwen2-VL-2B-Instruct.",
        )
    return _open_folder(name, _fetch(match["repo"], match["revision"]))


def cached_config(source: str) -> Mapping[str, Any] | None:
    """Return the config.json of a hub id as the local cache has it; None for anything else."""
    match = _HUB_ID.fullmatch(source)
    if match is None or not is_hub_id(source):
        return None
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(match["repo"], "config.json", revision=match["revision"])
    config = read_json(Path(found)) if isinstance(found, str) else None
    return config if isinstance(config, dict) else None


def is_hub_id(source: str) -> bool:
    """Whether ``source`` is looked for on the hub, because nothing here has that name."""
    is_here = source == "nano" or Path(source).expanduser().exists()
    return not is_here and not source.startswith((".", "/", "~")) and _HUB_ID.fullmatch(source) is not None


def weight_files(folder: Path) -> list[Path]:
    """Return the weight files of a checkpoint, sorted: in the folder, or else in the folders of its parts."""
    return sorted(folder.glob("*.safetensors")) or sorted(folder.glob("*/*.safetensors"))


def _open_folder(source: str, folder: Path) -> Checkpoint:
    if not (folder / "config.json").is_file():
        if (folder / "adapter_config.json").is_file() or (folder / "vidtune_adapter.json").is_file():
            raise ModelMismatch(
                f"{source} is an adapter on the base {_base_of_adapter(folder)!r}, expected a whole model.",
                "Load it with vidtune.inference.load_for_inference (or predict --model), which loads the base as well.",
            )
        if source == "nano":
            raise ModelUnavailable(
                f"the packaged nano model is not installed: {folder} has no config.json.",
                "Reinstall vidtune, or make the weights with recipes/nano.",
            )
        raise ModelUnavailable(
            f"{source} has no config.json, so it is no model folder.",
            "Give the folder that save_pretrained wrote, or the one with config.json and *.safetensors.",
        )
    if not weight_files(folder):
        others = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern))
        found = f"only {', '.join(others)}" if others else "no weights"
        raise ModelUnavailable(
            f"{source} holds {found}, expected *.safetensors.",
            "Pickled weights are never loaded, because loading them runs code: convert them to safetensors."
            if others
            else "Fetch or copy the weight files again.",
        )
    try:
        config = read_json(folder / "config.json")
    except DataInvalid as exc:
        raise ModelMismatch(exc.problem, exc.remedy) from exc
    if not isinstance(config, dict):
        raise ModelMismatch(f"{source}/config.json holds a {type(config).__name__}, expected an object.")
    return Checkpoint(source, folder, config)


def _base_of_adapter(folder: Path) -> str:
    for name, key in (("vidtune_adapter.json", "base"), ("adapter_config.json", "base_model_name_or_path")):
        if (folder / name).is_file():
            value = read_json(folder / name).get(key)
            return str(value.get("source") if isinstance(value, dict) else value)
    return "unknown"


def _fetch(repo: str, revision: str | None) -> Path:
    """Return the local snapshot of a hub model, from the cache alone when the hub cannot be reached."""
    from huggingface_hub import hf_hub_download, snapshot_download
    from huggingface_hub.errors import (  # type: ignore[attr-defined]
        GatedRepoError,
        HTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
        RevisionResolutionError,
    )

    unreachable = _why_unreachable()
    try:
        # config.json first: an adapter or a foreign architecture is found before gigabytes are fetched.
        hf_hub_download(repo, "config.json", revision=revision, local_files_only=bool(unreachable))
        return Path(
            snapshot_download(repo, revision=revision, allow_patterns=_HUB_FILES, local_files_only=bool(unreachable))
        )
    except LocalEntryNotFoundError as exc:
        raise ModelUnavailable(
            f"{repo} is not in the local cache, and the hub cannot be reached: {unreachable or 'connection lost'}.",
            "Give a folder that holds the model, or run once where the hub can be reached (HF_HUB_OFFLINE unset).",
        ) from exc
    except GatedRepoError as exc:
        raise ModelUnavailable(
            f"{repo} is gated: the hub asks for an account that accepted its terms.",
            "Accept the terms on its page and set HF_TOKEN, or give a folder that holds the model.",
        ) from exc
    except (RepositoryNotFoundError, RevisionNotFoundError) as exc:
        raise ModelUnavailable(
            f"the hub has no model {repo!r}{f' at revision {revision!r}' if revision else ''} that you may read.",
            "Check the spelling and HF_TOKEN, or give a folder.",
        ) from exc
    except (HTTPError, RevisionResolutionError, OSError, ValueError) as exc:
        raise ModelUnavailable(
            f"{repo} could not be fetched: {type(exc).__name__}: {' '.join(str(exc).split())[:200]}.",
            "Try again later, or give a folder that holds the model.",
        ) from exc


def _why_unreachable() -> str:
    """Return why the hub cannot be asked, or "" when it answers. One request, so a dead network costs seconds."""
    from huggingface_hub import constants
    from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled  # type: ignore[attr-defined]
    from huggingface_hub.utils import get_session  # type: ignore[attr-defined]

    if constants.is_offline_mode():
        return "HF_HUB_OFFLINE is set"
    try:
        get_session().head(constants.ENDPOINT, timeout=_PROBE_TIMEOUT_S)
    except OfflineModeIsEnabled:
        return "HF_HUB_OFFLINE is set"
    except HTTPError as exc:
        return f"{constants.ENDPOINT} does not answer ({type(exc).__name__})"
    return ""
