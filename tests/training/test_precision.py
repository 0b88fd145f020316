import pytest
import torch
from tests.training.stopping import train_with_stops

from vidtune.core.errors import DataInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.training import read_history, train
from vidtune.training._checkpoint import TrainState
from vidtune.training._precision import choose_precision, computing, tf32_products
from vidtune.training._scaling import LossScale


class _ThroughHalf(torch.autograd.Function):
    """Passes a gradient on as fp16 holds it, sixteen times as large: from 65,536 on it is infinite."""

    @staticmethod
    def forward(ctx, values):
        return values.clone()

    @staticmethod
    def backward(ctx, gradient):
        return (gradient * 16).half().float() / 16


def test_auto_takes_bf16_only_where_the_hardware_multiplies_it(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert choose_precision("auto", cpu) == "bf16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False, "amx_bf16": False})
    assert choose_precision("auto", cpu) == "fp32"
    assert choose_precision("bf16", cpu) == "bf16"
    assert choose_precision("fp32", cpu) == "fp32"


def test_tf32_where_there_is_none_is_refused_before_weights_load(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("vidtune.training._prepare.load_model", None)

    with pytest.raises(DataInvalid, match="loop.precision='tf32' has no effect on cpu"):
        train(recipe(loop={"precision": "tf32"}), RunDirectory(tmp_path / "run"))


def test_tf32_holds_for_a_run_and_no_longer():
    before = torch.get_float32_matmul_precision()
    with tf32_products("tf32"):
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.get_float32_matmul_precision() == before


def test_fp16_learns_like_fp32_and_continues_to_the_last_bit(recipe, tmp_path):
    losses, weights = {}, {}
    for name, precision, stops_at in (("fp32", "fp32", ()), ("fp16", "fp16", ()), ("stopped", "fp16", (5,))):
        run = RunDirectory(tmp_path / name)
        config = recipe(loop={"max_steps": 12, "precision": precision})
        train_with_stops(config, run, stops_at)
        losses[name] = [record["loss"] for record in read_history(run.training_log).steps]
        weights[name] = (run.best / "adapter_model.safetensors").read_bytes()

    assert losses["fp16"][-1] == pytest.approx(losses["fp32"][-1], rel=0.05)
    assert losses["fp16"][-1] < losses["fp16"][0]
    assert weights["stopped"] == weights["fp16"]
    assert losses["stopped"] == losses["fp16"]


def test_a_scale_that_is_too_large_costs_steps_and_no_numbers():
    """Gradients that fp16 cannot hold: each time the step is left out, until the scale fits."""
    weight = torch.nn.Parameter(torch.ones(1))
    scale, state = LossScale("fp16", [weight], TrainState(0, "")), TrainState(0, "")
    seen = []
    for _ in range(20):
        weight.grad = None
        loss = _ThroughHalf.apply(weight * 16.0).sum()
        scale.up(loss).backward()
        norm = float(weight.grad.norm())
        seen.append((norm, scale.forgives(norm)))
        state = scale.after(state, norm)

    assert seen[0] == (float("inf"), True)
    assert seen[-1] == (16.0, False)  # the true gradient, whatever the scale
    assert state.loss_scale < 65536.0
    assert sum(skipped for _, skipped in seen) == 1 + 4


@pytest.mark.parametrize("longest", [10, 100_000])
def test_bf16_attends_in_bf16_and_leaves_torch_as_it_was(longest):
    before = torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed()
    query = torch.randn(2, 2, 10, 8, requires_grad=True)
    reference = torch.nn.functional.scaled_dot_product_attention(query, query, query, is_causal=True)
    with computing("bf16", torch.device("cpu"), longest):
        attended = torch.nn.functional.scaled_dot_product_attention(query, query, query, is_causal=True)
    attended.sum().backward()

    assert attended.dtype == torch.bfloat16
    torch.testing.assert_close(attended.float(), reference, atol=0.03, rtol=0.03)
    assert torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed() == before
    assert query.grad is not None


def test_fp32_changes_nothing():
    query = torch.randn(1, 1, 4, 8)
    with computing("fp32", torch.device("cpu"), 4):
        assert (query @ query.transpose(-1, -2)).dtype == torch.float32
