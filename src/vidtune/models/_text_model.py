"""Language models without eyes, loaded so that the same engine asks them: judges of texts.

They are no family: nothing here trains them, and no clip can be shown to them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from vidtune.core.errors import ModelMismatch, ModelUnavailable, NotInstalled
from vidtune.core.hashing import hash_json, sha256_file
from vidtune.models._batch import BatchInputs, join_rows
from vidtune.models._chat import encode_chat
from vidtune.models._discovery import find_family
from vidtune.models._identity import ModelIdentity, identify
from vidtune.models._loading import LoadedModel, choose_device, choose_dtype
from vidtune.models._source import find_checkpoint
from vidtune.models._torchvision import ensure_torchvision
from vidtune.models._weights import quiet_transformers

if TYPE_CHECKING:
    from vidtune.data import Turn
    from vidtune.models._family import Family, PromptItem

_GGUF = ".gguf"


def is_text_model(source: str | Path) -> bool:
    """Return whether ``source`` is a language model that no family of ours opens: a .gguf file, or a folder or hub id.

    Raises:
        ModelUnavailable: If there is no such model.
    """
    if str(source).endswith(_GGUF):
        return True
    checkpoint = find_checkpoint(source)
    try:
        find_family(checkpoint.model_type, checkpoint.source)
    except ModelMismatch:
        return any(str(name).endswith("ForCausalLM") for name in checkpoint.config.get("architectures") or [])
    return False


def load_text_model(
    source: str | Path, *, device: str | torch.device = "auto", dtype: str | torch.dtype = "auto"
) -> LoadedModel:
    """Load a causal language model with its chat template.

    Args:
        source: A .gguf file (read with the package ``gguf``), a model folder, or a hub id ``owner/name[@revision]``.
        device: As ``load_model``.
        dtype: As ``load_model``.

    Raises:
        ModelUnavailable: If the model cannot be found or read.
        ModelMismatch: If it is no causal language model, or has no chat template.
        NotInstalled: If a .gguf file is given and the package that reads it is missing.
    """
    chosen_device = choose_device(device)
    chosen_dtype = choose_dtype(dtype, chosen_device)
    name, folder, options, identity = _locate(source)
    ensure_torchvision()
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, **options)
            model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False, dtype=chosen_dtype, **options)
    except (OSError, ValueError, KeyError, RuntimeError) as exc:
        reason = " ".join(f"{type(exc).__name__}: {exc}".split())[:300]
        raise ModelUnavailable(f"{name} cannot be loaded as a language model: {reason}.", "Check the model.") from exc
    if not getattr(tokenizer, "chat_template", None):
        raise ModelMismatch(
            f"{name} has no chat template, so it cannot be asked anything.", "Give a model that was tuned to answer."
        )
    return LoadedModel(
        cast("Any", model).to(chosen_device).eval(),
        TextProcessor(tokenizer),
        # Of a family it has what answering needs, and nothing of training.
        cast("Family", TextFamily(_stop_ids(model, tokenizer))),
        name,
        chosen_device,
        chosen_dtype,
        identity,
    )


class TextProcessor:
    """A tokenizer where others have a processor."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer

    @property
    def chat_template(self) -> str:
        """Of the tokenizer."""
        return str(self.tokenizer.chat_template)

    def apply_chat_template(self, messages: Sequence[Any], **options: Any) -> Any:
        """Render; a template that knows no system turn is given its text at the start of the first user turn."""
        from jinja2 import TemplateError

        try:
            return self.tokenizer.apply_chat_template(messages, **options)
        except TemplateError:
            if messages[0]["role"] != "system":
                raise
            first = {**messages[1], "content": f"{messages[0]['content']}\n\n{messages[1]['content']}"}
            return self.tokenizer.apply_chat_template([first, *messages[2:]], **options)


class TextFamily:
    """What the engine asks of a family, for texts alone."""

    def __init__(self, stop_ids: Sequence[int]) -> None:
        self._stop_ids = tuple(stop_ids)

    def end_of_turn_ids(self, processor: Any) -> tuple[int, ...]:
        """Return the tokens at which generation stops."""
        return self._stop_ids

    def visual_token_id(self, processor: Any) -> int:
        """Return a token that does not occur: nothing here stands for pixels."""
        return -1

    def encode_prompts(self, processor: Any, items: Sequence[PromptItem]) -> BatchInputs:
        """Return the left-padded inputs of prompts.

        Raises:
            ValueError: If one has a clip.
        """
        rows = []
        for turns, frames in items:
            if frames is not None:
                raise ValueError("a language model cannot be shown a clip.")
            rows.append(self._encode(processor, turns))
        tokenizer = processor.tokenizer
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else self._stop_ids[0]
        return join_rows(rows, pad_token_id=pad, left=True)

    def _encode(self, processor: Any, turns: Sequence[Turn]) -> BatchInputs:
        chat = encode_chat(
            processor,
            turns,
            end_of_turn_ids=self._stop_ids,
            for_generation=True,
            adds_end_of_turn=True,
            text_content=lambda role, text: text,
        )
        ids = torch.tensor([chat.ids])
        row = BatchInputs(input_ids=ids, attention_mask=torch.ones_like(ids))
        row.visual_tokens = (0,)
        return row


def _locate(source: str | Path) -> tuple[str, Path, dict[str, Any], ModelIdentity]:
    """Return name, folder, loading options and identity of a model."""
    if not str(source).endswith(_GGUF):
        checkpoint = find_checkpoint(source)
        identity = identify(checkpoint.source, checkpoint.folder, checkpoint.config)
        return checkpoint.source, checkpoint.folder, {}, identity
    path = Path(source).expanduser().resolve()
    if not path.is_file():
        raise ModelUnavailable(f"{source} does not exist.", "Check the path.")
    if importlib.util.find_spec("gguf") is None:
        raise NotInstalled(
            f"{source} needs the package gguf to be read, and it is not installed.",
            "Install the extra that brings it: pip install 'vidtune[judge]'.",
        )
    identity = ModelIdentity(str(path), hash_json(path.name), sha256_file(path))
    return str(path), path.parent, {"gguf_file": path.name}, identity


def _stop_ids(model: Any, tokenizer: Any) -> list[int]:
    """Return the tokens that end an answer, by the checkpoint's own settings."""
    configured = getattr(model.generation_config, "eos_token_id", None)
    known = configured if isinstance(configured, list) else [configured]
    found = [token for token in (tokenizer.eos_token_id, *known) if token is not None]
    if not found:
        raise ModelMismatch("the model has no token that ends an answer.", "Give a model that was tuned to answer.")
    return list(dict.fromkeys(found))
