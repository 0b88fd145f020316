"""Load a transformers model strictly: every weight of the model comes from the file, every weight of the file is used.

transformers fills what is missing with random numbers and logs a warning; a model with a random layer then answers
nonsense, which looks like a bad model. Here it is an error that lists the keys.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from vidtune.core.durable import read_json
from vidtune.core.errors import ModelMismatch, ModelUnavailable, OutOfMemory

_MAX_LISTED = 6
_TOKENIZER_FILES = ("tokenizer.json", "vocab.json", "vocab.txt", "*.model")


def load_strictly(
    model_class: Any,
    folder: Path,
    *,
    device: torch.device,
    dtype: torch.dtype,
    quantization_config: Any | None,
    attn_implementation: str = "sdpa",
    device_map: str | Mapping[str, Any] | None = None,
    remote_code: bool = False,
    **options: Any,
) -> Any:
    """Return ``model_class`` with the weights in ``folder``, on ``device``, in eval mode.

    Args:
        model_class: Of transformers, or made like one of its classes.
        folder: Holds config.json and safetensors.
        device: Where the weights go.
        dtype: Of all weights that are not quantized.
        quantization_config: What transformers takes under that name, or None.
        attn_implementation: ``sdpa``, ``eager`` or ``flash_attention_2``.
        device_map: Where each part goes, as transformers takes it; None puts all of it on ``device``.
        remote_code: Let code of the checkpoint run.
        options: Passed on to ``from_pretrained`` as they are: ``config``, ``key_mapping``.

    Raises:
        ModelMismatch: If keys are missing or unexpected, or shapes differ; lists them.
        ModelUnavailable: If a file is missing or damaged.
        OutOfMemory: If the weights do not fit on the device.
    """
    with quiet_transformers(), torch.random.fork_rng(devices=[]):
        try:
            with readable(folder):
                model, info = model_class.from_pretrained(
                    folder,
                    dtype=dtype,
                    quantization_config=quantization_config,
                    device_map=device_map
                    or _whole_on(device, quantization_config is not None or _is_quantized(folder)),
                    attn_implementation=attn_implementation,
                    use_safetensors=True,
                    local_files_only=True,
                    trust_remote_code=remote_code,
                    ignore_mismatched_sizes=True,
                    output_loading_info=True,
                    **options,
                )
        except torch.OutOfMemoryError as exc:
            raise OutOfMemory(
                f"the weights of {folder} do not fit on {device} as {dtype}.",
                "Use QLoRA (adapter.kind=qlora), a smaller dtype, or a larger device.",
            ) from exc
    _check_keys(folder, info)
    return model.eval()


@contextlib.contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Turn what transformers raises over the files in ``folder`` into a named error.

    Raises:
        ModelUnavailable: If a file is missing or damaged, or says what cannot be.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except _foreign() as exc:
        raise ModelUnavailable(
            f"{folder} cannot be loaded: {type(exc).__name__}: {' '.join(str(exc).split())[:300]}.",
            "A file of it is missing, damaged or of another version: fetch or copy the folder again.",
        ) from exc


def _whole_on(device: torch.device, is_quantized: bool) -> dict[str, torch.device] | None:
    return {"": device} if device.type != "cpu" or is_quantized else None


def _is_quantized(folder: Path) -> bool:
    config = read_json(folder / "config.json")
    return isinstance(config, dict) and "quantization_config" in config


def load_processor(processor_class: Any, folder: Path, *, remote_code: bool = False) -> Any:
    """Return the processor whose files lie in ``folder``.

    Raises:
        ModelUnavailable: If tokenizer, processor or template files are missing or damaged.
    """
    if not any(any(folder.glob(f"{place}{name}")) for place in ("", "*/") for name in _TOKENIZER_FILES):
        raise ModelUnavailable(
            f"{folder} has no tokenizer, expected one of {', '.join(_TOKENIZER_FILES)}.",  # transformers makes one up
            "Copy tokenizer.json and tokenizer_config.json beside the weights.",
        )
    with quiet_transformers():
        try:
            processor = processor_class.from_pretrained(folder, local_files_only=True, trust_remote_code=remote_code)
        except _foreign() as exc:
            raise ModelUnavailable(
                f"{folder} has no usable tokenizer and processor: {' '.join(str(exc).split())[:300]}.",
                "Copy tokenizer.json, tokenizer_config.json and the processor's JSON files beside the weights.",
            ) from exc
    if not processor.chat_template:
        raise ModelUnavailable(
            f"{folder} has no chat template.", "Copy chat_template.jinja (or .json) beside the weights."
        )
    return processor


def _foreign() -> tuple[type[Exception], ...]:
    """Return what transformers raises over files that hold something else than it expects: it looks at few first."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    builtin = (
        OSError,
        ValueError,
        LookupError,
        ArithmeticError,
        TypeError,
        AttributeError,
        AssertionError,
        RuntimeError,
    )
    return (*builtin, StrictDataclassError, SafetensorError)


def _check_keys(folder: Path, info: dict[str, Any]) -> None:
    found = []
    if info.get("mismatched_keys"):
        shapes = [f"{key} {tuple(saved)} for {tuple(wanted)}" for key, saved, wanted in info["mismatched_keys"]]
        found.append(f"{len(shapes)} of another shape ({_listed(shapes)})")
    for key, word in (("missing_keys", "missing"), ("unexpected_keys", "unexpected")):
        if info.get(key):
            found.append(f"{len(info[key])} {word} ({_listed(info[key])})")
    if found:
        raise ModelMismatch(
            f"the weights in {folder} do not fit its config.json: {'; '.join(found)}.",
            "The folder mixes two models, or was written by another version: fetch or save it again.",
        )


def _listed(names: Iterable[str]) -> str:
    names = sorted(names)
    more = f", and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return ", ".join(names[:_MAX_LISTED]) + more


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers' bars and warnings off the terminal: what matters in them is raised here by name."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging

    verbosity = logging.get_verbosity()
    had_bar = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if had_bar:
            logging.enable_progress_bar()
