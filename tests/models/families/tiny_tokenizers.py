"""Small tokenizers trained in the test, of the three kinds that real checkpoints have."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = [
    "squats - the knees move inwards, push them outwards over the toes",
    "pushups - the hips sag, keep the back straight and lower the chest",
    "Which exercise is this, and what should be corrected? What colour is the shirt?",
    "You are a helpful language and vision assistant. system user assistant User: Assistant: USER: ASSISTANT: model",
    "You are provided the following series of eight frames from a 0:00:02 [H:MM:SS] video.\n\nFrame from 00:01:\n\n",
]

QWEN_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3_SPLIT = QWEN_SPLIT.replace(r"|\p{N}|", r"|\p{N}{1,3}|")


def train_byte_level(
    special_tokens: Sequence[str],
    *,
    split: str | None,
    named_tokens: Mapping[str, str] | None = None,
    adds_bos: bool = False,
    **tokens: str,
) -> Any:
    """Return a byte-level BPE tokenizer.

    Args:
        special_tokens: All of them; they get the ids after the text's.
        split: The pattern that cuts text into words; None for GPT-2's own, with single digits.
        named_tokens: Those that a processor asks for by name (``image_token``, ...).
        adds_bos: Whether the tokenizer itself puts ``tokens["bos_token"]`` in front.
        tokens: ``eos_token``, ``pad_token`` and so on.
    """
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    if split is None:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        )
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(split), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([*CORPUS, "\n\n", "\n\n"], trainer)
    tokenizer.add_special_tokens(list(special_tokens))
    if adds_bos:
        bos = tokens["bos_token"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        additional_special_tokens=list(special_tokens),
        extra_special_tokens=dict(named_tokens or {}),
        clean_up_tokenization_spaces=False,
        **tokens,
    )


def train_sentencepiece(first_tokens: Sequence[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return vocabulary and merges of a BPE with byte fallback, as LLaMA's and Gemma's are.

    Args:
        first_tokens: What has the first ids, before the bytes.
    """
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("(?=▁)"), behavior="merged_with_next")
    first = [*first_tokens, *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=480, special_tokens=first, show_progress=False)
    tokenizer.train_from_iterator([text.replace("\n", " ") for text in CORPUS], trainer)
    learned = json.loads(tokenizer.to_str())["model"]
    return learned["vocab"], [tuple(merge) for merge in learned["merges"]]
