"""A gated update that some tokens teach nothing: they are computed, and nothing of them is kept for the backward pass.

Autograd cannot be told this from outside: splitting the tokens, computing both parts and putting them together keeps
more than it saves (indices, copies, and sources of what is put together). So the backward pass is written out here.

Axis letters: ``n`` tokens, ``m`` those that teach, ``d`` inputs, ``o`` outputs, ``r`` ranks, ``g`` gates.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional


class SelectiveUpdate(torch.autograd.Function):
    """``s B (g * A x)`` of all tokens, with gradients from some of them."""

    @staticmethod
    def forward(
        ctx: Any,
        x_nd: torch.Tensor,
        a_rd: torch.Tensor,
        b_or: torch.Tensor,
        gates_gr: torch.Tensor,
        index_n: torch.Tensor,
        teaching_m: torch.Tensor,
        taught_md: torch.Tensor,
        scaling: float,
    ) -> torch.Tensor:
        """Return the update (n, o).

        Args:
            ctx: Autograd's.
            x_nd: Inputs.
            a_rd: First matrix.
            b_or: Second matrix.
            gates_gr: How far each rank is open, for each gate.
            index_n: Which gate each token has.
            teaching_m: Places of the tokens that teach.
            taught_md: Their inputs, which is all that is kept; layers side by side share them.
            scaling: Of the update.
        """
        ctx.save_for_backward(taught_md, a_rd, b_or, gates_gr, index_n, teaching_m)
        ctx.scaling, ctx.num_tokens, ctx.dtype = scaling, len(x_nd), x_nd.dtype
        ranks_nr = functional.linear(x_nd, a_rd)
        return functional.linear(ranks_nr * gates_gr[index_n].to(ranks_nr.dtype), b_or) * scaling

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator, unused-ignore]
    def backward(ctx: Any, gradient_no: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Return the gradients of ``x``, both matrices and the gates."""
        x_md, a_rd, b_or, gates_gr, index_n, teaching_m = ctx.saved_tensors
        gradient_mo = gradient_no[teaching_m].to(b_or.dtype) * ctx.scaling
        x_md, index_m = x_md.to(a_rd.dtype), index_n[teaching_m]
        gates_mr = gates_gr[index_m].to(a_rd.dtype)
        ranks_mr = x_md @ a_rd.T  # again, rather than kept
        of_gated_mr = gradient_mo @ b_or
        of_ranks_mr = of_gated_mr * gates_mr
        of_x = of_gates = None
        if ctx.needs_input_grad[0]:
            of_x = gradient_no.new_zeros((ctx.num_tokens, x_md.shape[1]), dtype=ctx.dtype)
            of_x[teaching_m] = (of_ranks_mr @ a_rd).to(ctx.dtype)
        if ctx.needs_input_grad[3]:
            of_gates = torch.zeros_like(gates_gr).index_add_(0, index_m, (of_gated_mr * ranks_mr).to(gates_gr.dtype))
        return of_x, of_ranks_mr.T @ x_md, gradient_mo.T @ (ranks_mr * gates_mr), of_gates, None, None, None, None
