import pytest
import torch

from vidtune.training._precision import choose_precision, computing


def test_auto_takes_bf16_only_where_the_hardware_multiplies_it(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    assert choose_precision("auto", cpu) == "bf16"
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": False, "amx_bf16": False})
    assert choose_precision("auto", cpu) == "fp32"
    assert choose_precision("bf16", cpu) == "bf16"
    assert choose_precision("fp32", cpu) == "fp32"


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
