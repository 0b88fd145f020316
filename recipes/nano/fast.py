"""The same network as transformers' Qwen2-VL, computed faster for clips that are all of one size.

The stock vision tower loops over chunks and moves to float32 for its rotary embedding. Here all
frame pairs go through one batched attention. ``check_same`` measures the distance between the two.

Shape letters: n frame pairs, p patches of a pair (64), m merged tokens of a pair (16), d width.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
import workers

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def to_patches(frames_bthwc: torch.Tensor) -> torch.Tensor:
    """Return (pairs, 64, 1176) normalised patches in the processor's order from uint8 clips of even length."""
    b, t, h, w, _ = frames_bthwc.shape
    blocks = frames_bthwc.view(b, t // 2, 2, h // 28, 2, 14, w // 28, 2, 14, 3)
    patches = blocks.permute(0, 1, 3, 6, 4, 7, 9, 2, 5, 8).reshape(b * (t // 2), h * w // 196, 3, 392)
    scale = torch.tensor([1 / (255 * s) for s in STD]).view(3, 1)
    shift = torch.tensor([m / s for m, s in zip(MEAN, STD, strict=True)]).view(3, 1)
    return (patches * scale - shift).reshape(b * (t // 2), -1, 1176)


def rotary(visual: Any, num_rows: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    """Return cos and sin (64, head) of one frame pair, in merge-block order, from the tower's own module."""
    rows, columns = torch.meshgrid(torch.arange(num_rows), torch.arange(num_rows), indexing="ij")
    order = [g.view(num_rows // 2, 2, num_rows // 2, 2).transpose(1, 2).reshape(-1) for g in (rows, columns)]
    position_ids = torch.stack(order, dim=-1)
    freqs = position_ids[..., None].float() * visual.rotary_pos_emb.original_inv_freq.float()
    both = torch.cat([freqs[:, 0], freqs[:, 1]], dim=-1)
    both = torch.cat([both, both], dim=-1)
    return both.cos(), both.sin()


def encode_pairs(visual: Any, patches_npk: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Return merged tokens (n, m, d) of frame pairs."""
    x = F.linear(patches_npk, visual.patch_embed.proj.weight.flatten(1))
    n, p, width = x.shape
    for block in visual.blocks:
        heads = block.attn.num_heads
        q, k, v = block.attn.qkv(block.norm1(x)).view(n, p, 3, heads, width // heads).permute(2, 0, 3, 1, 4).unbind(0)
        q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
        weights = (q @ k.transpose(-1, -2) * block.attn.scaling).softmax(-1)
        x = x + block.attn.proj((weights @ v).transpose(1, 2).reshape(n, p, width))
        x = x + block.mlp.fc2(F.gelu(block.mlp.fc1(block.norm2(x))))
    merger = visual.merger
    return merger.mlp(merger.ln_q(x).view(n, p // 4, 4 * width))


def _rotate(t: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    a, b = t.chunk(2, -1)
    return t * cos + torch.cat((-b, a), -1) * sin


class MasterAdamW:
    """AdamW on float32 copies of bfloat16 parameters: fast arithmetic, exact small updates."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        self.live = [p for group in groups for p in group["params"]]
        self.masters = [p.detach().float().clone() for p in self.live]
        copies, at = [], 0
        for group in groups:
            masters = self.masters[at : at + len(group["params"])]
            at += len(masters)
            copies.append({**group, "params": masters, "base_lr": group["lr"]})
        self.inner = torch.optim.AdamW(copies, betas=(0.9, 0.98), eps=1e-8, fused=True)

    @torch.no_grad()
    def step(self, lr_factor: float, max_norm: float = 1.0) -> float:
        """Clip, update, copy back; return the gradient's norm."""
        for live, master in zip(self.live, self.masters, strict=True):
            master.grad = None if live.grad is None else live.grad.float()
            live.grad = None
        norm = torch.nn.utils.clip_grad_norm_(self.masters, max_norm)
        for group in self.inner.param_groups:
            group["lr"] = group["base_lr"] * lr_factor
        self.inner.step()
        self.publish()
        return float(norm)

    @torch.no_grad()
    def publish(self) -> None:
        """Copy the masters into the network."""
        for live, master in zip(self.live, self.masters, strict=True):
            live.copy_(master)

    def state(self) -> dict[str, Any]:
        """Return all that ``load`` needs."""
        return {"inner": self.inner.state_dict(), "masters": self.masters}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from ``state``, at the learning rates of now."""
        rates = [group["base_lr"] for group in self.inner.param_groups]
        self.inner.load_state_dict(state["inner"])
        for group, rate in zip(self.inner.param_groups, rates, strict=True):
            group["base_lr"] = rate
        with torch.no_grad():
            for mine, saved in zip(self.masters, state["masters"], strict=True):
                mine.copy_(saved)
        self.publish()


class Muon:
    """Momentum whose update is made orthogonal (Jordan et al. 2024), on float32 copies of bfloat16 matrices.

    For the matrices inside transformer blocks. Those of one shape are treated together; a fused query, key and value
    matrix counts as three. Interface as ``MasterAdamW``.
    """

    def __init__(self, matrices: list[torch.Tensor], lr: float, momentum: float = 0.95, decay: float = 0.05) -> None:
        self.live = matrices
        self.masters = [p.detach().float().clone() for p in matrices]
        self.moments = [torch.zeros_like(m) for m in self.masters]
        self.lr, self.momentum, self.decay = lr, momentum, decay
        self.by_shape: dict[tuple[int, int], list[int]] = {}
        for index, matrix in enumerate(matrices):
            rows, columns = matrix.shape
            self.by_shape.setdefault((columns if rows == 3 * columns else rows, columns), []).append(index)

    @torch.no_grad()
    def step(self, lr_factor: float) -> None:
        """Update and copy back."""
        lr = self.lr * lr_factor
        for (rows, columns), indices in self.by_shape.items():
            updates = []
            for index in indices:
                gradient, moment = self.live[index].grad.float(), self.moments[index]
                self.live[index].grad = None
                moment.mul_(self.momentum).add_(gradient)
                updates.append((gradient + self.momentum * moment).view(-1, rows, columns))
            turned = _orthogonal(torch.cat(updates)) * max(1.0, rows / columns) ** 0.5
            sizes = [u.shape[0] for u in updates]
            for index, update in zip(indices, turned.split(sizes), strict=True):
                master = self.masters[index]
                master.mul_(1 - lr * self.decay).add_(update.reshape_as(master), alpha=-lr)
        self.publish()

    @torch.no_grad()
    def publish(self) -> None:
        """Copy the masters into the network."""
        for live, master in zip(self.live, self.masters, strict=True):
            live.copy_(master)

    def state(self) -> dict[str, Any]:
        """Return all that ``load`` needs."""
        return {"moments": self.moments, "masters": self.masters}

    def load(self, state: dict[str, Any]) -> None:
        """Continue from ``state``."""
        with torch.no_grad():
            for mine, saved in zip(self.masters + self.moments, state["masters"] + state["moments"], strict=True):
                mine.copy_(saved)
        self.publish()


def _orthogonal(matrices_nrc: torch.Tensor) -> torch.Tensor:
    """Return matrices with the same singular vectors and singular values near 1 (quintic Newton-Schulz, 5 rounds)."""
    x = matrices_nrc.bfloat16()
    is_tall = x.shape[1] > x.shape[2]
    if is_tall:
        x = x.transpose(1, 2)
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(5):
        gram = x @ x.transpose(1, 2)
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return (x.transpose(1, 2) if is_tall else x).float()


class Optimizers:
    """Muon for the matrices of blocks and layers, AdamW for the rest, workers' weights averaged now and then."""

    def __init__(self, modules: list[tuple[torch.nn.Module, float, float]], average_every: int = 10) -> None:
        """Take (module, AdamW rate, Muon rate) for each part of the network; Muon rate 0 keeps a part on AdamW."""
        muons, groups = [], []
        for module, adam_rate, muon_rate in modules:
            is_inner = {
                id(p)
                for name, p in module.named_parameters()
                if muon_rate and p.ndim == 2 and name.startswith(("blocks.", "layers."))
            }
            if is_inner:
                muons.append(Muon([p for p in module.parameters() if id(p) in is_inner], muon_rate))
            groups += parameter_groups([p for p in module.parameters() if id(p) not in is_inner], adam_rate)
        self.parts = [*muons, MasterAdamW(groups)]
        self.average_every, self._steps = average_every, 0

    def step(self, lr_factor: float) -> None:
        """Update everything."""
        for part in self.parts:
            part.step(lr_factor)
        self._steps += 1
        if self._steps % self.average_every == 0:
            self.agree()

    def agree(self) -> None:
        """Give all workers the mean of their weights."""
        if workers.count() > 1:
            workers.average([master for part in self.parts for master in part.masters])
            for part in self.parts:
                part.publish()

    def state(self) -> list[dict[str, Any]]:
        """Return all that ``load`` needs."""
        return [part.state() for part in self.parts]

    def load(self, states: list[dict[str, Any]]) -> None:
        """Continue from ``states``."""
        for part, state in zip(self.parts, states, strict=True):
            part.load(state)


def parameter_groups(parameters: list[torch.nn.Parameter], lr: float) -> list[dict[str, Any]]:
    """Return AdamW's groups: matrices with weight decay, vectors without."""
    return [
        {"params": [p for p in parameters if p.ndim > 1], "lr": lr, "weight_decay": 0.05},
        {"params": [p for p in parameters if p.ndim <= 1], "lr": lr, "weight_decay": 0.0},
    ]


def check_same(model: Any, frames_bthwc: torch.Tensor) -> float:
    """Return the largest difference between the stock tower and ``encode_pairs`` on float32 clips."""
    visual = model.model.visual
    patches = to_patches(frames_bthwc)
    grid = torch.tensor([[frames_bthwc.shape[1] // 2, 8, 8]] * len(frames_bthwc))
    with torch.no_grad():
        stock = visual(patches.view(-1, 1176), grid_thw=grid).pooler_output
        ours = encode_pairs(visual, patches, *rotary(visual)).reshape(stock.shape)
    return float((stock - ours).abs().max())
