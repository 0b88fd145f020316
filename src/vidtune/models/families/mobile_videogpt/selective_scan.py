"""The selective scan of Mamba in plain PyTorch: a linear recurrence along the tokens, run in chunks side by side.

    h[t] = exp(dt[t] A) h[t-1] + dt[t] B[t] u[t]        y[t] = C[t] h[t] + D u[t]

A loop over the tokens takes 1,569 small steps for eight frames. The recurrence is associative: over a chunk, the state
at its end is linear in the state at its start, with ``exp(A * sum of dt)`` as the factor. So every chunk is run from
zero (all chunks in one step), the states at the chunk borders are found by one short loop over the chunks, and every
chunk is run again from its right state: about 2.8 * sqrt(tokens) steps. Nothing is divided and no product of decays
grows, so it is as stable as the loop.

That is twice the arithmetic in a fraction of the steps. Where one step already keeps the device busy (a CPU with many
channels), all tokens are one chunk and every step is taken once.

The states of all tokens are never stored for training: the backward pass makes them again, one layer at a time.

Suffix letters: ``b`` clips, ``l`` tokens, ``d`` channels, ``n`` states of a channel, ``c`` chunks, ``q`` tokens of a
chunk. Everything is computed in float32 (float64 stays float64), whatever comes in.
"""

from __future__ import annotations

import math
from typing import Any

import torch

_SHORTEST_CHUNK = 8

_BUSY_FROM = {"cpu": 8_192}
"""Values in one step (clips x channels x states) from which a step keeps a device busy. Measured on one CPU core with
1,569 tokens: 0.10 s in one chunk and 0.14 s in 56 for 18,432 values a step."""

_BUSY_FROM_ELSEWHERE = 2**22
"""The same for a GPU; an estimate, not measured."""


def selective_scan(
    u_bld: torch.Tensor,
    dt_bld: torch.Tensor,
    a_dn: torch.Tensor,
    b_bln: torch.Tensor,
    c_bln: torch.Tensor,
    d_d: torch.Tensor,
) -> torch.Tensor:
    """Return the outputs of the scan, in the dtype of ``u_bld``.

    Args:
        u_bld: Inputs.
        dt_bld: Step sizes, already positive.
        a_dn: Rates of decay, negative.
        b_bln: What of an input goes into the state.
        c_bln: What of the state goes into the output.
        d_d: What of an input goes straight to the output.

    Source: algorithm 2 of "Mamba: Linear-Time Sequence Modeling with Selective State Spaces" (Gu and Dao, 2023), with
    the discretisation of its code (zero-order hold for A, Euler for B).

    Example:
        >>> ones = torch.ones(1, 3, 1)
        >>> selective_scan(ones, ones, -torch.full((1, 1), 0.6931472), ones, ones, torch.zeros(1)).flatten().tolist()
        [1.0, 1.5, 1.75]
    """
    dtype = at_least_single(u_bld).dtype
    inputs = (tensor.to(dtype) for tensor in (u_bld, dt_bld, a_dn, b_bln, c_bln, d_d))
    y_bld: torch.Tensor = _SelectiveScan.apply(*inputs)  # type: ignore[no-untyped-call]
    return y_bld.to(u_bld.dtype)


def at_least_single(tensor: torch.Tensor) -> torch.Tensor:
    """Return ``tensor`` in float32, or as it is if it is in float64."""
    return tensor if tensor.dtype == torch.float64 else tensor.float()


def chunk_length(num_tokens: int, num_values: int, device_type: str) -> int:
    """Return how many tokens a chunk has.

    Narrow steps are done in the fewest: two runs over a chunk and one over the chunks. Wide ones are done once each.

    Args:
        num_tokens: Of a clip.
        num_values: In one step: clips x channels x states of a channel.
        device_type: Where the scan runs.

    Example:
        >>> chunk_length(1569, 768, "cpu"), chunk_length(1569, 18_432, "cpu"), chunk_length(1569, 18_432, "cuda")
        (28, 1569, 28)
    """
    if num_values >= _BUSY_FROM.get(device_type, _BUSY_FROM_ELSEWHERE):
        return num_tokens
    return min(num_tokens, max(_SHORTEST_CHUNK, round(math.sqrt(num_tokens / 2))))


class _SelectiveScan(torch.autograd.Function):
    """The scan with a backward pass that stores only what came in and the states at the chunk borders."""

    @staticmethod
    def forward(ctx: Any, u: torch.Tensor, dt: torch.Tensor, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor,
                d: torch.Tensor) -> torch.Tensor:  # fmt: skip
        length = chunk_length(u.shape[1], u.shape[0] * a.numel(), u.device.type)
        u_q, dt_q, b_q, c_q = _cut(length, u, dt, b, c)
        start = _states_at_borders(dt_q, a, b_q, dt_q * u_q)
        y_q = torch.empty_like(u_q)
        state = start
        for q in range(u_q.shape[2]):
            state = _advance(state, dt_q[:, :, q], a, b_q[:, :, q], dt_q[:, :, q] * u_q[:, :, q])
            y_q[:, :, q] = _read(state, c_q[:, :, q])
        ctx.chunk_length = length
        ctx.save_for_backward(u, dt, a, b, c, d, start)
        return _join(y_q, u.shape[1]) + d * u

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        u, dt, a, b, c, d, start = ctx.saved_tensors
        u_q, dt_q, b_q, c_q, grad_q = _cut(ctx.chunk_length, u, dt, b, c, grad_y)
        states = _all_states(start, dt_q, a, b_q, dt_q * u_q)
        pull = _pull_at_borders(dt_q, a, c_q, grad_q)

        grad_u, grad_dt = torch.empty_like(u_q), torch.empty_like(dt_q)
        grad_b, grad_c = torch.empty_like(b_q), torch.empty_like(c_q)
        grad_a = torch.zeros_like(a)
        for q in reversed(range(u_q.shape[2])):
            dt_now, u_now, b_now = dt_q[:, :, q], u_q[:, :, q], b_q[:, :, q]
            pull = pull + c_q[:, :, q, None, :] * grad_q[:, :, q, :, None]  # what the loss gains from this state
            grad_c[:, :, q] = torch.einsum("bcdn,bcd->bcn", states[q + 1], grad_q[:, :, q])
            grad_b[:, :, q] = torch.einsum("bcdn,bcd->bcn", pull, dt_now * u_now)
            from_input = _read(pull, b_now)
            grad_u[:, :, q] = from_input * dt_now
            pull = pull * torch.exp(dt_now[..., None] * a)  # now: what it gains from the state before
            decayed = pull * states[q]
            grad_dt[:, :, q] = from_input * u_now + (decayed * a).sum(-1)
            grad_a += torch.einsum("bcdn,bcd->dn", decayed, dt_now)
        num_tokens = u.shape[1]
        return (
            _join(grad_u, num_tokens) + d * grad_y,
            _join(grad_dt, num_tokens),
            grad_a,
            _join(grad_b, num_tokens),
            _join(grad_c, num_tokens),
            (grad_y * u).sum((0, 1)),
        )


def _cut(length: int, *tensors_blx: torch.Tensor) -> list[torch.Tensor]:
    """Return (b, chunks, tokens of a chunk, ...) of each, filled with zeros: a step of size zero changes no state."""
    num_tokens = tensors_blx[0].shape[1]
    num_chunks = -(-num_tokens // length)
    missing = num_chunks * length - num_tokens
    cut = []
    for tensor in tensors_blx:
        filled = torch.nn.functional.pad(tensor, (0, 0, 0, missing)) if missing else tensor
        cut.append(filled.reshape(filled.shape[0], num_chunks, length, filled.shape[2]))
    return cut


def _join(tensor_bcqx: torch.Tensor, num_tokens: int) -> torch.Tensor:
    return tensor_bcqx.flatten(1, 2)[:, :num_tokens]


def _advance(
    state_bcdn: torch.Tensor, dt_bcd: torch.Tensor, a_dn: torch.Tensor, b_bcn: torch.Tensor, input_bcd: torch.Tensor
) -> torch.Tensor:
    decay_bcdn = torch.exp(dt_bcd[..., None] * a_dn)
    return decay_bcdn.mul_(state_bcdn).addcmul_(input_bcd[..., None], b_bcn[..., None, :])


def _read(state_bcdn: torch.Tensor, weights_bcn: torch.Tensor) -> torch.Tensor:
    return torch.matmul(state_bcdn, weights_bcn[..., None])[..., 0]


def _states_at_borders(
    dt_bcqd: torch.Tensor, a_dn: torch.Tensor, b_bcqn: torch.Tensor, input_bcqd: torch.Tensor
) -> torch.Tensor:
    """Return the state before the first token of every chunk."""
    num_clips, num_chunks, length, num_channels = dt_bcqd.shape
    end = dt_bcqd.new_zeros(num_clips, num_chunks, num_channels, a_dn.shape[1])
    if num_chunks == 1:
        return end
    for q in range(length):
        end = _advance(end, dt_bcqd[:, :, q], a_dn, b_bcqn[:, :, q], input_bcqd[:, :, q])
    decay = torch.exp(dt_bcqd.sum(2)[..., None] * a_dn)
    start = torch.zeros_like(end)
    for chunk in range(1, num_chunks):
        start[:, chunk] = start[:, chunk - 1] * decay[:, chunk - 1] + end[:, chunk - 1]
    return start


def _pull_at_borders(
    dt_bcqd: torch.Tensor, a_dn: torch.Tensor, c_bcqn: torch.Tensor, grad_bcqd: torch.Tensor
) -> torch.Tensor:
    """Return what the loss gains from the state after the last token of every chunk, through the chunks behind it."""
    num_clips, num_chunks, length, num_channels = dt_bcqd.shape
    first = dt_bcqd.new_zeros(num_clips, num_chunks, num_channels, a_dn.shape[1])
    if num_chunks == 1:
        return first
    for q in reversed(range(length)):
        first = first + c_bcqn[:, :, q, None, :] * grad_bcqd[:, :, q, :, None]
        first = first * torch.exp(dt_bcqd[:, :, q, :, None] * a_dn)
    decay = torch.exp(dt_bcqd.sum(2)[..., None] * a_dn)
    pull = torch.zeros_like(first)
    for chunk in reversed(range(num_chunks - 1)):
        pull[:, chunk] = pull[:, chunk + 1] * decay[:, chunk + 1] + first[:, chunk + 1]
    return pull


def _all_states(
    start_bcdn: torch.Tensor,
    dt_bcqd: torch.Tensor,
    a_dn: torch.Tensor,
    b_bcqn: torch.Tensor,
    input_bcqd: torch.Tensor,
) -> list[torch.Tensor]:
    """Return the states before the first and after every token of all chunks."""
    states = [start_bcdn]
    for q in range(dt_bcqd.shape[2]):
        states.append(_advance(states[-1], dt_bcqd[:, :, q], a_dn, b_bcqn[:, :, q], input_bcqd[:, :, q]))
    return states
