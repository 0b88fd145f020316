"""Scores against closed forms: a linear model of which every gradient can be written down."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from vidtune.adapters.rank_budget import SecondMoment, entropy_weights, score_matrices
from vidtune.adapters.rank_budget._scores import spread
from vidtune.adapters.rank_budget._weights import pixel_entropy_bits
from vidtune.core.errors import BadUsage


class Toy(torch.nn.Module):
    """y = B A x, frozen; the loss is half the squared distance to a target."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Linear(5, 4, bias=False)
        self.second = torch.nn.Linear(4, 3, bias=False)
        self.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x))


def loss_of(model: Any, batch: Any) -> torch.Tensor:
    return 0.5 * (model(batch["x"]) - batch["target"]).square().sum()


def make_batches(num: int = 3, num_rows: int = 6) -> list[dict[str, torch.Tensor]]:
    torch.manual_seed(1)
    return [{"x": torch.randn(num_rows, 5), "target": torch.randn(num_rows, 3)} for _ in range(num)]


def measure(model: Any, batches: list[dict[str, torch.Tensor]]) -> dict[str, Any]:
    targets = {"vision": "first", "language": "second"}
    scores = score_matrices(model, targets, batches, loss_of=loss_of, with_gradients=True)
    return {score.path: score for score in scores}


def test_scores_of_a_linear_model_are_the_closed_forms():
    model, batches = Toy(), make_batches()
    gradients_first, gradients_second = [], []
    for batch in batches:
        error = model(batch["x"]) - batch["target"]
        gradients_second.append(error.T @ (batch["x"] @ model.first.weight.T))
        gradients_first.append(model.second.weight.T @ error.T @ batch["x"])

    found = measure(model, batches)

    for path, gradients in (("first", gradients_first), ("second", gradients_second)):
        fisher = torch.stack([gradient.square().mean() for gradient in gradients]).mean()
        energies = torch.linalg.svdvals(torch.stack(gradients).mean(0)) ** 2
        assert found[path].fisher_per_parameter == pytest.approx(float(fisher), rel=1e-4)
        assert found[path].gradient_energies == pytest.approx(energies.tolist(), rel=1e-3)
    x = torch.cat([batch["x"] for batch in batches])
    eigenvalues = torch.linalg.eigvalsh(x.T @ x).flip(0)
    assert found["first"].variance_shares == pytest.approx((eigenvalues / eigenvalues.sum()).tolist(), rel=1e-4)
    assert [score.modality for score in found.values()] == ["vision", "language"]


def test_gains_of_fisher_sum_to_its_trace_and_a_weight_multiplies_them():
    score = measure(Toy(), make_batches())["first"]

    gains = score.gains("fisher", weight=2.0)

    assert sum(gains) == pytest.approx(2 * score.fisher_per_parameter * 20, rel=1e-6)
    assert score.gains("sensitivity", 3.0) == pytest.approx([3 * value for value in score.gradient_energies])


def test_measuring_changes_nothing_of_the_model():
    model = Toy().train()
    model.first.weight.requires_grad_(True)
    before = {name: value.clone() for name, value in model.state_dict().items()}

    measure(model, make_batches())

    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert model.first.weight.requires_grad
    assert not model.second.weight.requires_grad
    assert model.first.weight.grad is None
    assert not model.first._forward_hooks


def test_a_layer_that_runs_twice_has_one_gradient_the_sum():
    class Twice(Toy):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(self.first(x) + self.first(2 * x))

    model, batches = Twice(), make_batches(1)
    model.first.weight.requires_grad_(True)
    (expected,) = torch.autograd.grad(loss_of(model, batches[0]), model.first.weight)

    found = measure(model, batches)["first"]

    assert found.fisher_per_parameter == pytest.approx(float(expected.square().mean()), rel=1e-4)


def test_a_layer_that_nothing_flows_through_scores_zero():
    model = Toy()
    model.unused = torch.nn.Linear(2, 2)

    _, score = score_matrices(model, {"vision": "first", "audio": "unused"}, make_batches(1), loss_of=loss_of)

    assert score.modality == "audio"
    assert score.fisher_per_parameter == 0
    assert score.gains("fisher") == score.gains("explained_variance") == ()


def test_no_samples_and_no_layers_are_named():
    with pytest.raises(BadUsage, match="no samples"):
        score_matrices(Toy(), {"vision": "first"}, [])
    model = Toy()
    model.unused = torch.nn.Linear(2, 2)
    with pytest.raises(BadUsage, match="the loss of a sample depends on none of the 1 layers"):
        score_matrices(model, {"audio": "unused"}, make_batches(), loss_of=loss_of)
    with pytest.raises(BadUsage, match="no linear layer lies in vision"):
        score_matrices(Toy(), {"vision": "third"}, make_batches(), loss_of=loss_of)


def test_a_narrow_layer_has_its_exact_spectrum_however_many_rows_come():
    torch.manual_seed(0)
    rows = torch.randn(5000, 40) * torch.linspace(3, 0.1, 40)
    moment = SecondMoment(40)
    for part in rows.split(170):
        moment.add(part)

    expected = torch.linalg.eigvalsh(rows.double().T @ rows.double()).flip(0)
    assert moment.eigenvalues() == pytest.approx(expected.tolist(), rel=1e-4)
    assert moment.total == pytest.approx(float(expected.sum()), rel=1e-6)


def test_a_wide_layer_keeps_its_large_directions_and_claims_no_more_than_there_is():
    torch.manual_seed(0)
    spectrum = 0.97 ** torch.arange(600) * 3 + 0.05
    rows = torch.randn(4000, 600) * spectrum
    moment = SecondMoment(600)
    for part in rows.split(300):
        moment.add(part)

    expected = torch.linalg.eigvalsh(rows.double().T @ rows.double()).flip(0)[:32]
    found = torch.tensor(moment.eigenvalues()[:32], dtype=torch.float64)
    assert torch.allclose(found, expected, rtol=0.02)
    assert (found <= expected * (1 + 1e-4)).all()
    assert sum(moment.shares()) <= 1 + 1e-6


def test_entropy_weights_are_shares_of_what_could_be_said():
    flat, noise = torch.zeros(4, 64), torch.arange(256.0).repeat(4)

    assert pixel_entropy_bits([{"pixel_values_videos": flat}, {"pixel_values": noise}, {"input_ids": flat}]) == [0, 8]
    weights = entropy_weights(("vision", "projector", "language"), [4.0, 4.0], [7, 7, 9, 9])
    assert weights == {"vision": 0.5, "projector": 0.5, "language": 1.0}


@pytest.mark.parametrize(("bits", "ids"), [([], [1, 2]), ([0.0], [1, 2]), ([4.0], [1, 1])])
def test_weights_that_would_rule_a_tower_out_are_refused(bits: list[float], ids: list[int]):
    with pytest.raises(BadUsage):
        entropy_weights(("vision", "language"), bits, ids)


@pytest.mark.parametrize("num_offered", [0, 1, 3, 16, 31, 32, 64, 420])
def test_samples_are_taken_from_all_that_are_offered(num_offered: int):
    taken = [batch["id"] for batch in spread(({"id": number} for number in range(num_offered)), 16)]

    assert len(taken) == min(16, num_offered)
    assert taken == sorted(set(taken))
    if num_offered >= 32:
        assert taken[-1] >= 0.75 * num_offered
