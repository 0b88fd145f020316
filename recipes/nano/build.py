"""Build nano before it knows anything: tokenizer, processor, architecture, random weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import words

from vidtune.packs.generic._language import ACTIONS, CAPTION_REQUESTS, PARTS, ask, write_caption
from vidtune.packs.generic._truth import (
    BENDS,
    EXTENTS,
    POSTURES,
    SPREADS,
    TEMPOS,
    TRUNKS,
    VIEWS,
    ClipTruth,
    MotionFact,
)  # fmt: skip

SPECIAL_TOKENS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
    "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
PATTERNS = ("together", "alternating", "single")
VOCAB_SIZE = 2048
SIDE_PX = 112
NUM_FRAMES = 8

SPLIT_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""The pre-tokenizer of Qwen2: words with their space, single digits, runs of punctuation."""

CHAT_TEMPLATE = (
    "{% set image_count = namespace(value=0) %}{% set video_count = namespace(value=0) %}"
    "{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' and add_system is defined and add_system %}"
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
    "<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n"
    "{% else %}{% for content in message['content'] %}"
    "{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}"
    "{% set image_count.value = image_count.value + 1 %}"
    "{% if add_vision_id is defined and add_vision_id %}Picture {{ image_count.value }}: {% endif %}"
    "<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif content['type'] == 'video' or 'video' in content %}"
    "{% set video_count.value = video_count.value + 1 %}"
    "{% if add_vision_id is defined and add_vision_id %}Video {{ video_count.value }}: {% endif %}"
    "<|vision_start|><|video_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""Qwen2-VL's template. Its default system turn costs 11 of our few tokens, so it is written only on request."""


@dataclass(frozen=True)
class Shape:
    """Sizes of the network. The defaults are what ships."""

    vision_width: int = 128
    vision_depth: int = 5
    vision_heads: int = 4
    vision_mlp_ratio: int = 3
    text_width: int = 256
    text_depth: int = 5
    text_heads: int = 4
    text_kv_heads: int = 2
    text_mlp_width: int = 640


def random_truth(rng: np.random.Generator) -> ClipTruth:
    """Return facts that belong to no clip: enough to hear every word of the language."""

    def pick(options: Any) -> str:
        return str(options[int(rng.integers(len(options)))])

    colours = ("black", "white", "grey", "red", "orange", "yellow", "green", "teal", "blue", "navy", "purple",
               "pink", "brown", "beige", "dark grey", "light grey", "maroon", "olive", "cream", "cyan", "tan",
               "dark green", "light blue")  # fmt: skip
    facts = [
        MotionFact(
            pick(PARTS), pick(list(ACTIONS)), pick(TEMPOS), pick(EXTENTS), pick(PATTERNS), float(rng.uniform(0.5, 4))
        )
        for _ in range(int(rng.integers(3)))
    ]  # fmt: skip
    sides = ("left", "right", "neither")
    return ClipTruth(
        pick(colours), pick(colours), pick(colours), pick(colours), pick(colours), pick(POSTURES), pick(VIEWS),
        pick(("left", "right", "towards the camera", "away from the camera")), tuple(facts), bool(rng.random() < 0.5),
        pick(BENDS), pick(BENDS), pick(BENDS), pick(BENDS), pick(sides), pick(sides), pick(sides), pick(TRUNKS),
        pick(SPREADS), pick(SPREADS),
    )  # fmt: skip


def tokenizer_text(seed: int = 0, num_clips: int = 4000) -> list[str]:
    """Return the lines that the tokenizer learns from."""
    rng = np.random.default_rng(seed)
    lines = [*words.word_salad(rng, num_clips * 6), *CAPTION_REQUESTS]
    for _ in range(num_clips):
        truth = random_truth(rng)
        lines.append(write_caption(truth, rng))
        lines += [text for pair in ask(truth, rng, 3) for text in (pair.question, pair.answer)]
    return lines


def build_tokenizer(lines: list[str]) -> Any:
    """Train the byte-level BPE tokenizer and dress it as Qwen's."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT_PATTERN), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])  # fmt: skip
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    core.train_from_iterator(lines, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        eos_token=SPECIAL_TOKENS[2],
        pad_token=SPECIAL_TOKENS[0],
        extra_special_tokens={
            "image_token": "<|image_pad|>",
            "video_token": "<|video_pad|>",
            "vision_bos_token": "<|vision_start|>",
            "vision_eos_token": "<|vision_end|>",
            "turn_start_token": "<|im_start|>",
        },
        model_max_length=4096,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def build_processor(tokenizer: Any) -> Any:
    """Return Qwen2-VL's own processor, with the pixel count of a frame fixed to 112 x 112."""
    from transformers import Qwen2VLImageProcessor, Qwen2VLProcessor, Qwen2VLVideoProcessor

    size = {"shortest_edge": SIDE_PX * SIDE_PX, "longest_edge": SIDE_PX * SIDE_PX}
    return Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=size),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(size=size, do_sample_frames=False, cap_pixels_per_frame=False),
        chat_template=CHAT_TEMPLATE,
    )


def build_model(tokenizer: Any, shape: Shape, seed: int) -> Any:
    """Return ``Qwen2VLForConditionalGeneration`` of that shape with random weights."""
    import torch
    from transformers import GenerationConfig, Qwen2VLConfig, Qwen2VLForConditionalGeneration

    torch.manual_seed(seed)
    ids = {name: tokenizer.convert_tokens_to_ids(name) for name in SPECIAL_TOKENS}
    config = Qwen2VLConfig(
        vision_config={
            "depth": shape.vision_depth,
            "embed_dim": shape.vision_width,
            "hidden_size": shape.text_width,
            "num_heads": shape.vision_heads,
            "mlp_ratio": shape.vision_mlp_ratio,
            "hidden_act": "gelu",
            # Only 8 x 8 patches: the stock base of 10000 would leave most rotations too slow to tell them apart.
            "rope_parameters": {"rope_type": "axial", "rope_theta": 100.0},
        },
        text_config={
            "vocab_size": VOCAB_SIZE,
            "hidden_size": shape.text_width,
            "intermediate_size": shape.text_mlp_width,
            "num_hidden_layers": shape.text_depth,
            "num_attention_heads": shape.text_heads,
            "num_key_value_heads": shape.text_kv_heads,
            "max_position_embeddings": 4096,
            "rope_parameters": {"rope_type": "default", "mrope_section": [8, 12, 12], "rope_theta": 30.0},
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids["<|endoftext|>"],
        },
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
    )
    model = Qwen2VLForConditionalGeneration(config)
    _spread_weights(model, max(shape.vision_depth, shape.text_depth))
    _start_patches_as_cosines(model.model.visual)
    _start_heads_as_neighbours(model.model.visual)
    model.generation_config = GenerationConfig(
        do_sample=False,
        eos_token_id=[ids["<|im_end|>"], ids["<|endoftext|>"]],
        pad_token_id=ids["<|endoftext|>"],
        bos_token_id=ids["<|endoftext|>"],
    )
    return model


def _spread_weights(model: Any, depth: int) -> None:
    """Scale the inner matrices by their inputs: transformers' 0.02 leaves attention of so narrow a model flat."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 2 and "embed" not in name:
                is_last = name.endswith(("proj.weight", "fc2.weight")) and "_proj" not in name
                is_last = is_last or name.endswith(("o_proj.weight", "down_proj.weight"))
                weight.normal_(0.0, weight.shape[1] ** -0.5 / ((2 * depth) ** 0.5 if is_last else 1.0))


def _start_patches_as_cosines(visual: Any) -> None:
    """Let each patch start as its low frequencies, light before colour, still before change: nothing is lost at first.

    The scales bring every channel near unit variance on rendered frames.
    """
    import torch

    weight = visual.patch_embed.proj.weight
    side, width = weight.shape[-1], weight.shape[0]
    at = (np.arange(side) + 0.5) * np.pi / side
    waves = np.stack([np.cos(k * at) * (2 if k else 1) ** 0.5 for k in range(side)]) / side**0.5
    order = sorted((u * u + v * v, u, v) for u in range(side) for v in range(side))
    colours = {
        "light": np.ones(3) / 3**0.5,
        "red": np.array([1, -1, 0]) / 2**0.5,
        "blue": np.array([1, 1, -2]) / 6**0.5,
    }
    shares = (("light", 1, 0.36), ("red", 1, 0.125), ("blue", 1, 0.125), ("light", -1, 0.28), ("red", -1, 0.06))
    plan = [(name, sign, freq) for name, sign, share in shares for freq in order[: int(width * share)]]
    plan += [("blue", -1, freq) for freq in order[: width - len(plan)]]
    start = np.zeros(tuple(weight.shape), np.float32)
    for row, (name, sign, (radius, u, v)) in zip(start, plan, strict=True):
        wave = np.einsum("c,t,h,w->cthw", colours[name], np.array([1, sign]) / 2**0.5, waves[u], waves[v])
        typical = (8.0 if name == "light" else 3.5) / (1.0 + radius) ** 0.75 * (1.0 if sign > 0 else 0.28)
        row[:] = wave / (typical + 0.05)
    with torch.no_grad():
        weight.copy_(torch.from_numpy(start))


def _start_heads_as_neighbours(visual: Any, sharpness: float = 5.0, content: float = 0.3) -> None:
    """Let the heads of all blocks but the last start by looking at one neighbouring patch each, as a convolution would.

    The biases of queries and keys turn with the rotary embedding, so a constant pair of them prefers one distance.
    The idea is d'Ascoli et al. 2021 (ConViT); the weights are free to leave it.
    """
    import torch

    cross, corners = ((-1, 0), (1, 0), (0, -1), (0, 1)), ((-1, -1), (-1, 1), (1, -1), (1, 1))
    far = tuple((2 * row, 2 * column) for row, column in cross)
    frequencies = visual.rotary_pos_emb.original_inv_freq.float()
    twice = torch.cat([frequencies, frequencies])
    with torch.no_grad():
        for block, offsets in zip(visual.blocks[:-1], (cross, corners, far, cross), strict=False):
            heads = block.attn.num_heads
            query, key, _ = block.attn.qkv.weight.chunk(3)
            query.mul_(content)
            key.mul_(content)
            size = query.shape[0] // heads
            bias = block.attn.qkv.bias.view(3, heads, size).zero_()
            strength = (sharpness * size**0.5) ** 0.5
            for head in range(heads):
                row, column = offsets[head % 4]
                turns = twice * torch.cat([torch.full_like(frequencies, row), torch.full_like(frequencies, column)])
                bias[0, head, : size // 2] = strength
                bias[1, head] = strength * torch.cat([turns.cos(), -turns.sin()])


def save_folder(model: Any, processor: Any, folder: Path) -> None:
    """Write what ``from_pretrained`` reads, weights in bfloat16."""
    import copy

    import torch

    folder.mkdir(parents=True, exist_ok=True)
    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(folder)
    processor.save_pretrained(folder)


__all__ = ["Shape", "build_model", "build_processor", "build_tokenizer", "replace", "save_folder", "tokenizer_text"]
