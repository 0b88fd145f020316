"""What each matrix of a model is worth adapting, measured on a few samples without changing the model.

Letters of shapes: ``n`` rows (tokens or patches), ``d`` inputs, ``o`` outputs.

The gradient of a weight is the product of what flows into its layer and of what flows back into its output. Both are
seen by hooks, so weights may be frozen, or stored in 4 bit, and no gradient of the whole model is ever held.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vidtune.adapters.rank_budget._sketch import SecondMoment
from vidtune.core.errors import BadUsage

if TYPE_CHECKING:
    import torch

Batch = Mapping[str, "torch.Tensor"]


def own_loss(model: Any, batch: Batch) -> torch.Tensor:
    """Return the loss that a model of transformers computes itself from ``labels``."""
    loss: torch.Tensor = model(**batch, use_cache=False).loss
    return loss


@dataclass(frozen=True)
class MatrixScore:
    """What was measured of one matrix."""

    path: str
    modality: str
    num_in: int
    num_out: int

    variance_shares: tuple[float, ...]
    """Share of the inputs' second moment that lies in each of the largest directions, falling (EVA, Paischer et al.
    2024, arXiv 2410.07170)."""

    fisher_per_parameter: float
    """Mean over samples of the squared norm of the loss's gradient, over the weight's size: the trace of the empirical
    Fisher information for one number."""

    gradient_energies: tuple[float, ...]
    """Squared singular values of the mean gradient, falling: what a small step along each direction gains in first
    order (LoRA-GA, Wang et al. 2024, arXiv 2407.05000). Empty unless asked for."""

    def gains(self, score: str, weight: float = 1.0) -> tuple[float, ...]:
        """Return what each rank is worth by ``score``, falling.

        The Fisher information of a layer is about the product of its inputs' and its output gradients' second moments
        (K-FAC, Martens and Grosse 2015), so its trace is spread over ranks as the inputs' moment is over directions.
        """
        if score == "explained_variance":
            values: tuple[float, ...] = self.variance_shares
        elif score == "sensitivity":
            values = self.gradient_energies
        else:
            trace = self.fisher_per_parameter * self.num_in * self.num_out
            values = tuple(trace * share for share in self.variance_shares)
        return tuple(weight * value for value in values)


@dataclass
class _Meter:
    modality: str
    num_in: int
    num_out: int
    keeps_gradient: bool
    moment: SecondMoment
    fisher: float = 0.0
    num_open: int = 0
    """Forward passes of this sample that have not come back yet."""

    sample_gradient_od: torch.Tensor | None = None
    gradient_od: torch.Tensor | None = None

    def add_gradient(self, gradient_no: torch.Tensor, x_nd: torch.Tensor) -> None:
        """Take in what came back from one forward pass; a layer that ran several times has one gradient, the sum."""
        product_od = gradient_no.float().T @ x_nd.float()
        known = self.sample_gradient_od
        self.sample_gradient_od = product_od if known is None else known + product_od
        self.num_open -= 1
        if self.num_open == 0:
            self.close_sample()

    def close_sample(self) -> None:
        """Count what one sample gave, and let go of it."""
        self.num_open = 0
        if self.sample_gradient_od is None:
            return
        gradient_od, self.sample_gradient_od = self.sample_gradient_od, None
        self.fisher += float(gradient_od.double().square().sum())
        if self.keeps_gradient:
            gradient_od = gradient_od.cpu()
            self.gradient_od = gradient_od if self.gradient_od is None else self.gradient_od + gradient_od


def score_matrices(
    model: Any,
    linear_targets: Mapping[str, str],
    batches: Sequence[Batch],
    *,
    loss_of: Callable[[Any, Batch], torch.Tensor] = own_loss,
    with_gradients: bool = False,
) -> list[MatrixScore]:
    """Return a score for every linear layer of the given towers, in the order of the model.

    Args:
        model: A model without an adapter; nothing of it is changed, and it is in the same mode afterwards.
        linear_targets: For every modality, a pattern of the whole names of its linear layers.
        batches: Training samples with ``labels``. One sample a batch: then no padding is measured, and Fisher
            information is that of samples.
        loss_of: From the model and a batch to the loss that training will follow.
        with_gradients: Also decompose the mean gradients; holds them, in float32, in the CPU's memory.

    Raises:
        BadUsage: If there are no samples, or no such layers.
    """
    import torch

    if not batches:
        raise BadUsage("there are no samples to score matrices on.", "Give at least one batch.")
    layers = find_matrices(model, linear_targets)
    meters = {
        path: _Meter(modality, *_sides(module), with_gradients, SecondMoment(int(module.in_features)))
        for path, (modality, module) in layers.items()
    }
    with _measuring({path: module for path, (_, module) in layers.items()}, meters), _evaluating(model):
        for batch in batches:
            with torch.enable_grad():
                loss = loss_of(model, batch)
            if not loss.requires_grad:
                raise BadUsage(
                    f"the loss of a sample depends on none of the {len(layers)} layers to score.",
                    "Calibrate on samples that use the tuned towers: clips for vision, sound for audio.",
                )
            torch.autograd.backward(loss)
            for meter in meters.values():
                meter.close_sample()  # one of which a pass went nowhere
    return [_score(path, meter, len(batches)) for path, meter in meters.items()]


def spread(batches: Iterable[Batch], num_wanted: int) -> list[Batch]:
    """Return at most ``num_wanted`` of the batches, evenly from first to last, holding at most twice as many at once.

    Training data mostly stand in order, one class after the other: the first few would show one of them.

    Example:
        >>> spread([{"id": number} for number in range(10)], 3)
        [{'id': 0}, {'id': 2}, {'id': 6}]
    """
    kept: list[Batch] = []
    stride = 1
    for number, batch in enumerate(batches):
        if number % stride == 0:
            kept.append(batch)
        if len(kept) == 2 * num_wanted:
            kept, stride = kept[::2], 2 * stride
    num = min(num_wanted, len(kept))
    return [kept[index * len(kept) // num] for index in range(num)]


def find_matrices(model: Any, linear_targets: Mapping[str, str]) -> dict[str, tuple[str, Any]]:
    """Return the modality and the module of every linear layer of the given towers, by its whole name.

    Raises:
        BadUsage: If there is none.
    """
    patterns = {modality: re.compile(pattern) for modality, pattern in linear_targets.items()}
    found = {
        path: (modality, module)
        for path, module in model.named_modules()
        for modality, pattern in patterns.items()
        if pattern.fullmatch(path)
    }
    if not found:
        raise BadUsage(f"no linear layer lies in {', '.join(patterns)}.", "Check the family's linear_targets.")
    return found


def _sides(module: Any) -> tuple[int, int]:
    return int(module.in_features), int(module.out_features)


@contextmanager
def _measuring(layers: Mapping[str, Any], meters: Mapping[str, _Meter]) -> Iterator[None]:
    handles = []

    def listen(meter: _Meter) -> Any:
        def hook(module: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
            x_nd = inputs[0].detach().reshape(-1, meter.num_in)
            meter.moment.add(x_nd)
            if not output.requires_grad:
                # All weights are frozen: gradients begin here. A copy, because the model may go on in place.
                output = output.detach().requires_grad_().clone()

            def backward(gradient: torch.Tensor) -> None:
                meter.add_gradient(gradient.reshape(-1, meter.num_out), x_nd)

            meter.num_open += 1
            output.register_hook(backward)  # type: ignore[no-untyped-call]
            return output

        return hook

    try:
        for path, module in layers.items():
            handles.append(module.register_forward_hook(listen(meters[path])))
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Without dropout, and without gradients of the weights themselves, which nobody reads here."""
    was_training = model.training
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    model.eval()
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        model.train(was_training)
        for parameter in trained:
            parameter.requires_grad_(True)


def _score(path: str, meter: _Meter, num_samples: int) -> MatrixScore:
    import torch

    energies: tuple[float, ...] = ()
    if meter.gradient_od is not None:
        singular = torch.linalg.svdvals(meter.gradient_od.double() / num_samples)
        energies = tuple(float(value) ** 2 for value in singular)
    size = meter.num_in * meter.num_out
    return MatrixScore(
        *(path, meter.modality, meter.num_in, meter.num_out),
        variance_shares=tuple(meter.moment.shares()),
        fisher_per_parameter=meter.fisher / num_samples / size,
        gradient_energies=energies,
    )
