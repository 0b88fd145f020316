"""Begin or take up a run directory: its recipe, its environment, and what is in it already."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from vidtune.config import dump_config
from vidtune.core.durable import RecordLog, fsync_folder, read_json, write_atomic, write_json
from vidtune.core.environment import describe_environment
from vidtune.core.errors import RunCorrupt, RunMismatch
from vidtune.core.rundir import RunDirectory
from vidtune.inference._config import PredictConfig
from vidtune.inference._records import TEMPORARY_CODES

if TYPE_CHECKING:
    from vidtune.models import LoadedModel

# What may differ between two attempts at one run: none of these changes an answer.
_FREE = frozenset(
    {
        "batch_size",
        "frame_cache.enabled",
        "frame_cache.folder",
        "frame_cache.max_bytes",
        "num_readers",
        "num_threads",
        "retry",
        "save_strips",
        "limits.timeout_s",
        "model.device",
        "model.device_map",
        "data.limit",
    }
)
_PACKAGES = ("vidtune", "torch", "torchvision", "transformers", "peft", "bitsandbytes", "av", "numpy")
_REMEDY = "Use a new run directory, or the settings that began this run."


def claim(config: PredictConfig, run: RunDirectory) -> None:
    """Write the recipe into a new run directory, or check that the one there asks for the same answers.

    Raises:
        RunMismatch: If the directory holds other work; every setting that differs is named.
    """
    if run.training_log.exists() or run.checkpoints.exists() or run.best.exists():
        raise RunMismatch(f"{run.path} holds a training run, predictions need a directory of their own.", _REMEDY)
    if run.recipe.exists() and run.predictions.exists() and RecordLog(run.predictions).read():
        differences = _differences(_read_recipe(run), config.model_dump(mode="json"))
        if differences:
            raise RunMismatch(f"{run.path} was begun with other settings: {'; '.join(differences)}.", _REMEDY)
    write_atomic(run.recipe, dump_config(config))


def read_done(run: RunDirectory, retry: str) -> dict[str, dict[str, Any]]:
    """Return the records that stay, by sample id; those to be asked again are taken out of the log.

    Raises:
        RunCorrupt: If a line is damaged, or a sample has two records.
    """
    records = RecordLog(run.predictions).read()
    kept = [record for record in records if not _is_retried(record, retry)]
    done = {str(record["sample_id"]): record for record in kept}
    if len(done) < len(kept):
        raise RunCorrupt(f"{run.predictions} holds {len(kept) - len(done)} records of samples that have one already.")
    if len(kept) < len(records):
        _replace_log(run, kept)
    return done


def note_expected(run: RunDirectory, num_expected: int) -> None:
    """Note in the environment how many samples the run is to have, so that a part of it is known to be one."""
    environment = read_json(run.environment) if run.environment.exists() else {}
    if environment.get("num_expected") != num_expected:
        write_json(run.environment, {**environment, "num_expected": num_expected})


def note_peak_memory(run: RunDirectory, device: str) -> None:
    """Note in the environment the most memory that any attempt at this run took, so that reports can tell the cost."""
    import resource

    import torch

    if device.startswith("cuda"):
        peak_bytes = torch.cuda.max_memory_allocated()
    else:
        peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # kibibytes on Linux
    environment = read_json(run.environment) if run.environment.exists() else {}
    if peak_bytes > environment.get("peak_memory_bytes", 0):
        write_json(run.environment, {**environment, "peak_memory_bytes": peak_bytes})


def check_inputs(run: RunDirectory, inputs: Mapping[str, Any], loaded: LoadedModel) -> None:
    """Write the environment of a new run; in one that goes on, check that data and model are still the same.

    Raises:
        RunMismatch: If the data file or the weights have changed since.
    """
    found = {**inputs, "model": loaded.identity.to_record()}
    if run.environment.exists() and run.predictions.exists() and RecordLog(run.predictions).read():
        recorded = read_json(run.environment).get("inputs", {})
        changed = [name for name, value in found.items() if recorded.get(name) != value]
        if changed:
            raise RunMismatch(
                f"{run.path} was begun with other {' and '.join(changed)}: the content has changed since, "
                "though the name is the same.",
                "Use a new run directory.",
            )
        return
    write_json(run.environment, {**_environment(loaded), "inputs": found})


def compare_with_training(config: PredictConfig) -> list[str]:
    """Say, when the model is the result of a training run, what it was trained to see and is shown otherwise."""
    run = RunDirectory(Path(config.model.source))
    if not (run.best.is_dir() and run.recipe.is_file()):
        return []
    before, now = _flatten(_read_recipe(run)), _flatten(config.model_dump(mode="json"))
    names = [name for name in now if name.startswith("sampling.") or name == "max_side_px"]
    return [
        f"{name} was {before[name]!r} in training and is {now[name]!r} here."
        for name in names
        if name in before and before[name] != now[name]
    ]


def _is_retried(record: Mapping[str, Any], retry: str) -> bool:
    if record["status"] != "error" or retry == "none":
        return False
    return retry == "all" or record["error"]["code"] in TEMPORARY_CODES


def _replace_log(run: RunDirectory, records: list[dict[str, Any]]) -> None:
    staged = run.predictions.with_suffix(".jsonl.part")
    staged.unlink(missing_ok=True)
    with RecordLog(staged) as log:
        log.append_many(records)
    staged.replace(run.predictions)
    fsync_folder(run.path)


def _read_recipe(run: RunDirectory) -> dict[str, Any]:
    try:
        recipe = yaml.safe_load(run.recipe.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise RunCorrupt(f"{run.recipe} is not valid YAML.", "Restore it from a copy.") from exc
    return recipe if isinstance(recipe, dict) else {}


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    before, now = _flatten(old), _flatten(new)
    names = sorted((before.keys() | now.keys()) - _FREE)
    return [
        f"{name} was {before.get(name)!r} and is now {now.get(name)!r}"
        for name in names
        if before.get(name) != now.get(name)
    ]


def _flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{prefix}{name}."))
        else:
            flat[prefix + name] = value
    return flat


def _environment(loaded: LoadedModel) -> dict[str, Any]:
    import torch

    from vidtune.inference._options import describe_loading

    return {
        **describe_environment(_PACKAGES),
        "num_threads": torch.get_num_threads(),
        "model_loaded": describe_loading(loaded),
        "device": str(loaded.device),
        "max_pixels": loaded.max_pixels,
        "dtype": str(loaded.dtype).removeprefix("torch."),
        "num_parameters": sum(parameter.numel() for parameter in loaded.model.parameters()),
        "cuda_devices": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
    }
