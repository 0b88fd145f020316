"""Stage 2: the whole network learns to answer about clips it has to look at.

One sequence holds a clip and several separate exchanges about it. Each exchange sees the clip and itself
only, at the positions it would have alone, so one pass of the vision tower teaches many answers. Captions
and exercises in repeating ordinary words (so that every token of the vocabulary can be said) come along.
The heads of stage 1 stay on with a small weight, which keeps the eyes open, and ``motion_heads`` teaches the
text model to put the clip's moments together.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import augment
import fast
import motion_heads
import numpy as np
import render
import torch
import torch.nn.functional as F
import warm_vision
import words
import workers
from torch import nn

from vidtune.packs.generic._language import CAPTION_REQUESTS, ask, write_caption

NUM_VIDEO_TOKENS = 64
MOTION_LAYER = 3
COLOURS = frozenset(("top", "trousers", "hair", "wall", "floor"))
MOVEMENT = frozenset(
    ("action", "count", "extent", "last_part", "movement_check", "moving_part", "pattern", "still", "tempo")
)
REPEAT_REQUESTS = ("Repeat: {}", "Say after me: {}", "Write this again: {}")


@dataclass(frozen=True)
class TeachConfig:
    """How long and how hard."""

    num_steps: int = 6600
    clips_per_batch: int = 8
    """Of each worker."""
    num_questions: int = 5
    caption_rate: float = 0.35
    repeat_rate: float = 0.2
    movement_share: float = 2.0
    """How many times as likely a question about movement is asked as any other: it is the last thing learned."""
    text_rate: float = 8.0e-4
    vision_rate: float = 4.0e-4
    vision_muon_rate: float = 6.0e-3
    look_weight: float = 0.1
    motion_weight: float = 0.5
    warmup_steps: int = 100
    seed: int = 0
    augment: augment.AugmentConfig = augment.AugmentConfig(zoom=(0.82, 1.15), recolour_rate=0.3)


@dataclass
class Packed:
    """A batch of clips with their exchanges. Letters: b clips, l tokens."""

    token_ids_bl: torch.Tensor
    positions_3bl: torch.Tensor
    mask_bll: torch.Tensor
    labels_bl: torch.Tensor
    weights_bl: torch.Tensor


class Packer:
    """Writes exchanges as token ids with the positions, masks and labels they need."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._cache: dict[str, list[int]] = {}
        self.prefix = self.ids("<|im_start|>user\n<|vision_start|>")
        self.video_id = tokenizer.convert_tokens_to_ids("<|video_pad|>")
        self.pad_id = tokenizer.pad_token_id

    def ids(self, text: str) -> list[int]:
        """Return token ids of ``text``, remembered."""
        if text not in self._cache:
            if len(self._cache) > 50000:
                self._cache.clear()
            self._cache[text] = self.tokenizer(text)["input_ids"]
        return self._cache[text]

    def pack(self, exchanges: list[list[tuple[str, str, float]]]) -> Packed:
        """Pack (question, answer, weight) lists, one list a clip."""
        start = len(self.prefix)
        rows = [self._row(clip) for clip in exchanges]
        # Few different lengths: each is compiled once.
        longest = -(-max(len(row[0]) for row in rows) // 32) * 32
        size = (len(rows), longest)
        ids = torch.full(size, self.pad_id)
        positions = torch.zeros((3, *size), dtype=torch.long)
        labels = torch.full(size, -100)
        weights = torch.zeros(size)
        blocks = torch.full(size, -1)
        for i, (row_ids, row_positions, row_labels, row_weights, row_blocks) in enumerate(rows):
            n = len(row_ids)
            ids[i, :n], labels[i, :n], weights[i, :n] = (
                torch.tensor(row_ids),
                torch.tensor(row_labels),
                torch.tensor(row_weights),
            )
            positions[:, i, :n], blocks[i, :n] = torch.tensor(row_positions).T, torch.tensor(row_blocks)
        causal = torch.ones(longest, longest, dtype=torch.bool).tril()
        same = (blocks[:, :, None] == blocks[:, None, :]) | (blocks[:, None, :] == 0)
        assert start + NUM_VIDEO_TOKENS <= longest
        return Packed(ids, positions, causal & same, labels, weights)

    def _row(self, clip: list[tuple[str, str, float]]) -> tuple[list, list, list, list, list]:
        start = len(self.prefix)
        ids = [*self.prefix, *[self.video_id] * NUM_VIDEO_TOKENS]
        positions = [[i] * 3 for i in range(start)]
        positions += [[start + t, start + y, start + x] for t in range(4) for y in range(4) for x in range(4)]
        labels, weights, blocks = [-100] * len(ids), [0.0] * len(ids), [0] * len(ids)
        for number, (question, answer, weight) in enumerate(clip, start=1):
            asked = self.ids(f"<|vision_end|>{question}<|im_end|>\n<|im_start|>assistant\n")
            said = self.ids(f"{answer}<|im_end|>")
            ids += asked + said
            positions += [[start + 4 + i] * 3 for i in range(len(asked) + len(said))]
            labels += [-100] * len(asked) + said
            weights += [0.0] * len(asked) + [weight] * (len(said) - 1) + [0.4 * weight]
            blocks += [number] * (len(asked) + len(said))
        return ids, positions, labels, weights, blocks


class Speaker(nn.Module):
    """The language model's arithmetic on packed batches: transformers' weights, one attention with our mask."""

    def __init__(self, model: Any, *, is_compiled: bool = False) -> None:
        super().__init__()
        self.text = model.model.language_model
        self.layers = torch.compile(self._layers, dynamic=False) if is_compiled else self._layers
        rope = self.text.rotary_emb
        self.inv_freq, self.sections = rope.original_inv_freq.clone(), list(rope.mrope_section)

    def forward(
        self, tokens_nmd: torch.Tensor, packed: Packed, video_id: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return the last hidden states (b, l, width), and from the middle those after each pair and after the clip.

        The middle is where they are taken because later layers can still read there what the heads ask for.
        """
        x = F.embedding(packed.token_ids_bl, self.text.embed_tokens.weight)
        b, length, width = x.shape
        x = torch.where((packed.token_ids_bl == video_id)[..., None], self._placed(tokens_nmd, packed, video_id, x), x)
        cos, sin = self._rope(packed.positions_3bl, x.dtype)
        bias = torch.zeros(packed.mask_bll.shape, dtype=x.dtype).masked_fill_(~packed.mask_bll, -30000.0)[:, None]
        start = int((packed.token_ids_bl[0] == video_id).nonzero()[0])
        ends = torch.arange(1, 5) * (NUM_VIDEO_TOKENS // 4) + start - 1
        last, middle = self.layers(x, cos, sin, bias)
        return last, middle[:, ends], middle[:, start + NUM_VIDEO_TOKENS]

    def _layers(
        self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, bias: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        middle = x
        for number, layer in enumerate(self.text.layers):
            if number == MOTION_LAYER:
                middle = x
            x = x + self._attend(layer.self_attn, _norm(layer.input_layernorm, x), cos, sin, bias)
            h = _norm(layer.post_attention_layernorm, x)
            x = x + layer.mlp.down_proj(F.silu(layer.mlp.gate_proj(h)) * layer.mlp.up_proj(h))
        return _norm(self.text.norm, x), middle

    def _placed(self, tokens: torch.Tensor, packed: Packed, video_id: int, like: torch.Tensor) -> torch.Tensor:
        start = int((packed.token_ids_bl[0] == video_id).nonzero()[0])
        tokens = tokens.reshape(like.shape[0], NUM_VIDEO_TOKENS, -1)
        return F.pad(tokens, (0, 0, start, like.shape[1] - start - NUM_VIDEO_TOKENS))

    def _rope(self, positions_3bl: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        freqs = positions_3bl[..., None].float() * self.inv_freq
        chosen = torch.cat([part[i % 3] for i, part in enumerate(freqs.split(self.sections, dim=-1))], dim=-1)
        both = torch.cat([chosen, chosen], dim=-1)[:, None]
        return both.cos().to(dtype), both.sin().to(dtype)

    @staticmethod
    def _attend(attn: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        b, length, _ = x.shape
        q = attn.q_proj(x).view(b, length, attn.num_heads, -1).transpose(1, 2)
        k = attn.k_proj(x).view(b, length, attn.num_key_value_heads, -1).transpose(1, 2)
        v = attn.v_proj(x).view(b, length, attn.num_key_value_heads, -1).transpose(1, 2)
        q, k = fast._rotate(q, cos, sin), fast._rotate(k, cos, sin)
        k, v = (t.repeat_interleave(attn.num_key_value_groups, dim=1) for t in (k, v))
        weights = (q @ k.transpose(-1, -2) * attn.scaling + bias).softmax(-1)
        return attn.o_proj((weights @ v).transpose(1, 2).reshape(b, length, -1))


def _norm(module: Any, x: torch.Tensor) -> torch.Tensor:
    return F.rms_norm(x, (x.shape[-1],), module.weight, module.variance_epsilon)


def answer_loss(hidden: torch.Tensor, embedding: torch.Tensor, packed: Packed) -> torch.Tensor:
    """Return the weighted cross-entropy of the answers' tokens; only their positions meet the vocabulary."""
    labels, weights = packed.labels_bl[:, 1:], packed.weights_bl[:, 1:]
    chosen = labels != -100
    logits = F.linear(hidden[:, :-1][chosen], embedding).float()
    each = F.cross_entropy(logits, labels[chosen], reduction="none")
    return (each * weights[chosen]).sum() / weights[chosen].sum()


def write_exchanges(
    example: augment.Example, rng: np.random.Generator, config: TeachConfig
) -> list[tuple[str, str, float]]:
    """Return what is asked about one clip in one pass; of recoloured clips nothing about colours."""
    truth = example.truth
    pairs = ask(truth, rng, 40)
    if example.is_recoloured:
        pairs = [pair for pair in pairs if pair.kind not in COLOURS]
    shares = [config.movement_share if pair.kind in MOVEMENT else 1.0 for pair in pairs]
    # Exponential keys sort to a weighted draw without putting back (Efraimidis and Spirakis, 2006).
    pairs = [pairs[i] for i in np.argsort(rng.exponential(size=len(pairs)) / np.array(shares))]
    made = [(pair.question, pair.answer, 1.0) for pair in pairs[: config.num_questions]]
    if not example.is_recoloured and rng.random() < config.caption_rate:
        made.append((CAPTION_REQUESTS[int(rng.integers(len(CAPTION_REQUESTS)))], write_caption(truth, rng), 0.35))
    if rng.random() < config.repeat_rate:
        line = words.word_salad(rng, 1)[0]
        made.append((REPEAT_REQUESTS[int(rng.integers(len(REPEAT_REQUESTS)))].format(line), line, 0.15))
    return made


@torch.no_grad()
def check_same_text(model: Any, tokenizer: Any) -> float:
    """Return the largest difference of logits to transformers' own forward pass on one exchange, in float32."""
    packer, speaker = Packer(tokenizer), Speaker(model)
    packed = packer.pack([[("What moves?", "the left arm", 1.0)]])
    frames = torch.randint(0, 255, (1, 8, 112, 112, 3), dtype=torch.uint8)
    tokens = fast.encode_pairs(model.model.visual, fast.to_patches(frames), *fast.rotary(model.model.visual))
    ours = F.linear(speaker(tokens, packed, packer.video_id)[0], model.model.language_model.embed_tokens.weight)
    length = int((packed.token_ids_bl[0] != packer.pad_id).sum())
    ids = packed.token_ids_bl[:, :length]
    stock = model(
        input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=(ids == packer.video_id).int() * 2,
        pixel_values_videos=fast.to_patches(frames).view(-1, 1176), video_grid_thw=torch.tensor([[4, 8, 8]]),
    ).logits  # fmt: skip
    return float((ours[:, :length] - stock).abs().max())


@torch.no_grad()
def grounded_accuracy(
    model: Any, packer: Packer, shard: render.Shard, clips: np.ndarray, seen: str
) -> dict[str, list[bool]]:
    """Return by question kind whether each whole answer is what greedy decoding would say.

    ``seen`` is what the model gets to see: ``clip``, ``blank`` (grey frames) or ``other`` (another clip).
    An answer decodes greedily to the truth exactly when each of its tokens is the most likely one.
    """
    visual, speaker = model.model.visual, Speaker(model)
    cos, sin = (r.to(visual.patch_embed.proj.weight.dtype) for r in fast.rotary(visual))
    found: dict[str, list[bool]] = {}
    for part in np.array_split(clips, max(1, len(clips) // 16)):
        asked = [ask(shard.truths[c], np.random.default_rng([7, int(c)]), 40) for c in part]
        packed = packer.pack([[(p.question, p.answer, 1.0) for p in pairs] for pairs in asked])
        shown = (part + 37) % len(shard.truths) if seen == "other" else part
        frames = (
            np.full((len(part), 8, 112, 112, 3), 127, np.uint8)
            if seen == "blank"
            else shard.frames[np.sort(shown)][np.argsort(np.argsort(shown))]
        )
        tokens = fast.encode_pairs(
            visual, fast.to_patches(torch.from_numpy(np.ascontiguousarray(frames))).to(cos.dtype), cos, sin
        )
        hidden, _, _ = speaker(tokens, packed, packer.video_id)
        best = F.linear(hidden, model.model.language_model.embed_tokens.weight).argmax(-1)
        for row, pairs in enumerate(asked):
            right = best[row, :-1] == packed.labels_bl[row, 1:]
            labelled = (packed.labels_bl[row, 1:] != -100).nonzero()[:, 0].tolist()
            at = 0
            for pair in pairs:
                count = len(packer.ids(f"{pair.answer}<|im_end|>"))
                found.setdefault(pair.kind, []).append(all(bool(right[i]) for i in labelled[at : at + count]))
                at += count
    return found


def teach(
    model: Any, tokenizer: Any, shards_root: Path, out: Path, config: TeachConfig, on_checkpoint: Any = None
) -> None:
    """Train everything, in place. Starts from ``out/vision.pt``, continues from ``out/teach.pt``."""
    torch.manual_seed(config.seed)
    packer = Packer(tokenizer)
    held_out = render.open_shard(shards_root / "held_out")
    seen = torch.load(out / "vision.pt", weights_only=False)
    vocabulary = warm_vision.Vocabulary([held_out])
    vocabulary.names = seen["names"]
    model.bfloat16()
    visual, text, speaker = model.model.visual, model.model.language_model, Speaker(model, is_compiled=True)
    heads = warm_vision.VisionHeads(visual.merger.mlp[2].out_features, vocabulary.sizes).bfloat16()
    visual.load_state_dict(seen["visual"])
    heads.load_state_dict(seen["heads"])
    motion = motion_heads.MotionHeads(text.embed_tokens.embedding_dim).bfloat16()
    optimizer = fast.Optimizers(
        [
            (visual, config.vision_rate, config.vision_muon_rate),
            (heads, config.vision_rate, 0.0),
            (motion, config.text_rate, 0.0),
            (text, config.text_rate, 0.0),
        ]
    )
    cos, sin = (r.bfloat16() for r in fast.rotary(visual))
    encode = torch.compile(lambda x: fast.encode_pairs(visual, x, cos, sin), dynamic=False)
    start, seconds = 0, 0.0
    checkpoint = out / "teach.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=False)
        optimizer.load(saved["optimizer"])
        start, seconds = saved["step"], saved["seconds"]
    log = warm_vision.CurveLog(out / "teach.csv")
    feed = warm_vision.Feed(shards_root, (config.seed, 5, start), config.augment)
    tick = time.monotonic()
    for step in range(start, config.num_steps):
        examples = feed.draw(config.clips_per_batch, 4)
        tokens = encode(warm_vision.as_patches(examples))
        packed = packer.pack([write_exchanges(example, feed.rng, config) for example in examples])
        hidden, pairs, clip = speaker(tokens, packed, packer.video_id)
        said = answer_loss(hidden, text.embed_tokens.weight, packed)
        looked, _ = warm_vision.heads_loss(
            heads, tokens, warm_vision.pair_targets(examples, vocabulary.encode_examples(examples))
        )
        moved, moved_parts = motion.loss(pairs, clip, examples)
        (said + config.look_weight * looked + config.motion_weight * moved).backward()
        optimizer.step(warm_vision.learning_rate_factor(step, config.warmup_steps, config.num_steps))
        done = step + 1
        is_marked = done % 500 == 0 or done == config.num_steps
        if is_marked:
            optimizer.agree()
        if workers.rank() == 0 and (is_marked or done % 100 == 0):
            spent = seconds + time.monotonic() - tick
            row = {"step": done, "seconds": round(spent, 1), "said": float(said.detach())}
            row |= {"looked": float(looked.detach()), **moved_parts}
            if is_marked:
                row |= _held_out_figures(model, packer, held_out)
                torch.save(
                    {"optimizer": optimizer.state(), "step": done, "seconds": spent}, checkpoint.with_suffix(".tmp")
                )
                checkpoint.with_suffix(".tmp").replace(checkpoint)
                if on_checkpoint is not None:
                    on_checkpoint(done)
            log.write(row)


def _held_out_figures(model: Any, packer: Packer, held_out: render.Shard) -> dict[str, float]:
    row: dict[str, float] = {}
    for seen in ("clip", "blank", "other"):
        found = grounded_accuracy(model, packer, held_out, np.arange(48), seen)
        row[f"held_out_{seen}"] = float(np.mean([x for v in found.values() for x in v]))
        if seen == "clip":
            row |= {f"kind_{k}": float(np.mean(v)) for k, v in found.items()}
    return row
