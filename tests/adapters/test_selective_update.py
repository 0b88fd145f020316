"""The written-out backward pass of tokens that teach nothing, against autograd."""

from __future__ import annotations

import pytest
import torch

from vidtune.adapters.temporal._selective import SelectiveUpdate

NUM_TOKENS, NUM_IN, NUM_OUT, RANK, SCALING = 7, 5, 4, 3, 0.5
INDEX = torch.tensor([0, 1, 1, 2, 0, 2, 2])


def draw() -> tuple[torch.Tensor, ...]:
    """Return inputs, both matrices and the gates, in double precision."""
    source = torch.Generator().manual_seed(0)
    shapes = [(NUM_TOKENS, NUM_IN), (RANK, NUM_IN), (NUM_OUT, RANK), (3, RANK)]
    return tuple(torch.randn(shape, generator=source, dtype=torch.float64).requires_grad_() for shape in shapes)


def apply(x: torch.Tensor, a: torch.Tensor, b: torch.Tensor, gates: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    updated: torch.Tensor = SelectiveUpdate.apply(x, a, b, gates, INDEX, places, x.detach()[places], SCALING)
    return updated


@pytest.mark.parametrize("places", [[0, 1, 2, 3, 4, 5, 6], [0, 2, 5], [6], []])
def test_only_the_named_tokens_have_a_gradient_and_it_is_autograds(places: list[int]) -> None:
    teaching = torch.tensor(places, dtype=torch.long)
    plain, ours = draw(), draw()
    x, a, b, gates = plain
    whole = (x @ a.T * gates[INDEX]) @ b.T * SCALING
    is_taught = torch.isin(torch.arange(NUM_TOKENS), teaching)[:, None]
    weights = torch.linspace(-1, 1, NUM_TOKENS * NUM_OUT, dtype=torch.float64).reshape(NUM_TOKENS, NUM_OUT)

    (torch.where(is_taught, whole, whole.detach()) * weights).sum().backward()
    found = apply(*ours, teaching)
    (found * weights).sum().backward()

    torch.testing.assert_close(found, whole)
    for expected, tensor in zip(plain, ours, strict=True):
        torch.testing.assert_close(tensor.grad, expected.grad)


def test_with_all_tokens_the_gradient_is_that_of_finite_differences() -> None:
    everyone = torch.arange(NUM_TOKENS)

    assert torch.autograd.gradcheck(lambda *inputs: apply(*inputs, everyone), draw())
