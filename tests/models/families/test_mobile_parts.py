"""The parts of Mobile-VideoGPT against slow references that are written here from their descriptions."""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.families.tiny_mobile_videogpt import make_model, make_processor

from vidtune.models import ensure_torchvision
from vidtune.models.families.mobile_videogpt import kernels
from vidtune.models.families.mobile_videogpt.frame_scoring import score_frames, select_frames
from vidtune.models.families.mobile_videogpt.mixer import BiMambaMixer
from vidtune.models.families.mobile_videogpt.projector import TokenProjector
from vidtune.models.families.mobile_videogpt.selective_scan import chunk_length, selective_scan

ensure_torchvision()


@pytest.fixture(scope="module")
def model() -> Any:
    return make_model(make_processor()).double()


# The scan


def naive_scan(u: Any, dt: Any, a: Any, b: Any, c: Any, d: Any) -> torch.Tensor:
    """The recurrence, one token and one channel at a time."""
    rows = []
    for clip in range(u.shape[0]):
        channels = []
        for channel in range(u.shape[2]):
            state = torch.zeros_like(a[channel])
            outputs = []
            for token in range(u.shape[1]):
                step = dt[clip, token, channel]
                state = torch.exp(step * a[channel]) * state + step * b[clip, token] * u[clip, token, channel]
                outputs.append((c[clip, token] * state).sum() + d[channel] * u[clip, token, channel])
            channels.append(torch.stack(outputs))
        rows.append(torch.stack(channels, dim=1))
    return torch.stack(rows)


def draw_scan(clips: int, tokens: int, channels: int, states: int, *, seed: int = 0, dtype: Any = torch.double) -> Any:
    generator = torch.Generator().manual_seed(seed)

    def draw(*sizes: int) -> torch.Tensor:
        return torch.randn(*sizes, generator=generator, dtype=torch.double).to(dtype)

    return (
        draw(clips, tokens, channels),
        torch.nn.functional.softplus(draw(clips, tokens, channels)),
        -torch.exp(draw(channels, states)),
        draw(clips, tokens, states),
        draw(clips, tokens, states),
        draw(channels),
    )


@settings(max_examples=25, deadline=None)
@given(tokens=st.integers(1, 70), clips=st.integers(1, 2), channels=st.integers(1, 3), seed=st.integers(0, 100))
def test_the_chunked_scan_is_the_naive_one(tokens: int, clips: int, channels: int, seed: int):
    inputs = draw_scan(clips, tokens, channels, 4, seed=seed)

    torch.testing.assert_close(selective_scan(*inputs), naive_scan(*inputs), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("tokens", [1, 7, 40])
def test_the_scans_gradients_are_those_of_the_naive_one(tokens: int):
    inputs = [tensor.requires_grad_() for tensor in draw_scan(2, tokens, 3, 4)]
    weights = torch.randn(2, tokens, 3, dtype=torch.double, generator=torch.Generator().manual_seed(1))

    ours, slow = (torch.autograd.grad((scan(*inputs) * weights).sum(), inputs) for scan in (selective_scan, naive_scan))

    for given_gradient, wanted in zip(ours, slow, strict=True):
        torch.testing.assert_close(given_gradient, wanted, rtol=1e-9, atol=1e-9)


def test_the_scans_gradients_are_those_of_finite_differences():
    inputs = [tensor.requires_grad_() for tensor in draw_scan(1, 11, 2, 3)]

    assert torch.autograd.gradcheck(selective_scan, inputs, eps=1e-6, atol=1e-6)


def test_a_long_sequence_with_strong_and_weak_decay_stays_finite_and_right():
    u, dt, a, b, c, d = draw_scan(1, 1569, 2, 2, dtype=torch.float32)
    a = torch.tensor([[-1e-4, -80.0], [-5.0, -1e-6]])

    single = selective_scan(u, dt, a, b, c, d)

    exact = selective_scan(*(tensor.double() for tensor in (u, dt, a, b, c, d)))
    assert single.isfinite().all()
    torch.testing.assert_close(single.double(), exact, rtol=1e-3, atol=1e-3)


def test_a_wide_scan_in_one_chunk_is_the_narrow_ones_in_many_chunks():
    u, dt, a, b, c, d = [tensor.requires_grad_() for tensor in draw_scan(1, 60, 2048, 4)]
    parts = [slice(start, start + 1024) for start in (0, 1024)]

    wide = selective_scan(u, dt, a, b, c, d)
    narrow = torch.cat([selective_scan(u[..., at], dt[..., at], a[at], b, c, d[at]) for at in parts], dim=2)

    assert chunk_length(60, a.numel(), "cpu") == 60
    assert chunk_length(60, a.numel() // 2, "cpu") < 60
    torch.testing.assert_close(wide, narrow, rtol=1e-10, atol=1e-10)
    for one, other in zip(
        *(torch.autograd.grad(y.square().sum(), (u, dt, a, b, c, d)) for y in (wide, narrow)), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


def test_half_precision_is_scanned_in_single_precision():
    inputs = draw_scan(1, 50, 2, 3, dtype=torch.bfloat16)

    outputs = selective_scan(*inputs)

    exact = selective_scan(*(tensor.double() for tensor in inputs))
    assert outputs.dtype == torch.bfloat16
    torch.testing.assert_close(outputs.double(), exact, rtol=1e-2, atol=1e-2)


def test_the_scan_sees_no_later_token():
    u, dt, a, b, c, d = draw_scan(1, 40, 2, 3)
    changed = u.clone()
    changed[:, 25] += 1

    before, after = (selective_scan(inputs, dt, a, b, c, d) for inputs in (u, changed))

    assert torch.equal(before[:, :25], after[:, :25])
    assert (before[:, 25:] != after[:, 25:]).any(2).all()


# A foreign kernel


@pytest.fixture
def mamba_ssm(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[..., torch.Tensor]], None]]:
    """Installs a stand-in for the package, which needs CUDA, with the given function as its scan."""

    def install(function: Callable[..., torch.Tensor]) -> None:
        module: Any = types.ModuleType("mamba_ssm.ops.selective_scan_interface")
        module.selective_scan_fn = function
        for name in ("mamba_ssm", "mamba_ssm.ops"):
            monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
        monkeypatch.setitem(sys.modules, module.__name__, module)

    kernels._proven_kernel.cache_clear()
    yield install
    kernels._proven_kernel.cache_clear()


def channels_first(u: Any, delta: Any, A: Any, B: Any, C: Any, D: Any) -> torch.Tensor:  # noqa: N803
    """A right scan with the arguments of ``mamba_ssm.ops.selective_scan_interface.selective_scan_fn``."""
    transposed = [tensor.transpose(1, 2) for tensor in (u, delta, B, C)]
    return selective_scan(transposed[0], transposed[1], A, transposed[2], transposed[3], D).transpose(1, 2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_equal_kernel_is_used(mamba_ssm: Any, dtype: torch.dtype):
    mamba_ssm(channels_first)

    with torch.inference_mode():  # where answers are written; the proof needs gradients all the same
        assert kernels._proven_kernel("cpu", dtype) is not None


def test_a_kernel_that_differs_or_fails_is_not_used_and_named(mamba_ssm: Any, caplog: pytest.LogCaptureFixture):
    mamba_ssm(lambda u, *others: 1.5 * channels_first(u, *others))
    assert kernels._proven_kernel("cpu", torch.float32) is None
    assert "differs from the reference by" in caplog.text

    kernels._proven_kernel.cache_clear()
    mamba_ssm(lambda *inputs: torch.zeros(2).reshape(3))
    assert kernels._proven_kernel("cpu", torch.float32) is None
    assert "fails on cpu" in caplog.text


def test_without_the_package_our_scan_runs():
    inputs = draw_scan(1, 9, 2, 3)

    assert kernels.find_kernel() is None
    assert torch.equal(kernels.scan(*inputs), selective_scan(*inputs))


# The mixer and the tower


def naive_mixer(mixer: BiMambaMixer, tokens: torch.Tensor) -> torch.Tensor:
    """One clip (tokens, size) through the mixer, step by step, each direction with its own gate."""
    weights = dict(mixer.named_parameters())
    projected = tokens @ weights["in_proj.weight"].T
    inner = projected.shape[1] // 2

    def run(sequence: torch.Tensor, mark: str, a_name: str) -> torch.Tensor:
        x, z = sequence[:, :inner], sequence[:, inner:]
        kernel, bias = weights[f"conv1d{mark}.weight"][:, 0], weights[f"conv1d{mark}.bias"]
        state = torch.zeros(inner, mixer.state_size, dtype=tokens.dtype)
        outputs = []
        for step in range(len(x)):
            value = bias.clone()
            for back in range(kernel.shape[1]):
                if step - back >= 0:
                    value = value + kernel[:, kernel.shape[1] - 1 - back] * x[step - back]
            u = value / (1 + torch.exp(-value))
            low = weights[f"x_proj{mark}.weight"] @ u
            dt_low, b, c = low.split([mixer.dt_rank, mixer.state_size, mixer.state_size])
            dt = torch.log1p(torch.exp(weights[f"dt_proj{mark}.weight"] @ dt_low + weights[f"dt_proj{mark}.bias"]))
            decay = torch.exp(-torch.exp(weights[a_name]) * dt[:, None])
            state = decay * state + (dt * u)[:, None] * b[None]
            y = state @ c + weights[f"D{mark}"] * u
            outputs.append(y * z[step] / (1 + torch.exp(-z[step])))
        return torch.stack(outputs)

    forwards = run(projected, "", "A_log")
    backwards = run(projected.flip(0), "_b", "A_b_log").flip(0)
    return (forwards + backwards) @ weights["out_proj.weight"].T


@pytest.fixture(scope="module")
def mixer() -> BiMambaMixer:
    torch.manual_seed(0)
    made = BiMambaMixer(size=12, state_size=4, conv_size=4, expand=2).double()
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return made


def test_the_mixer_is_the_naive_one(mixer: BiMambaMixer):
    tokens = torch.randn(2, 23, 12, dtype=torch.double)

    slow = torch.stack([naive_mixer(mixer, clip) for clip in tokens])

    torch.testing.assert_close(mixer(tokens), slow, rtol=1e-9, atol=1e-9)


def test_every_token_sees_every_other_one_through_its_own_direction(mixer: BiMambaMixer):
    tokens = torch.randn(1, 20, 12, dtype=torch.double)
    changed = tokens.clone()
    changed[:, 10] += 1

    moved = (mixer(changed) - mixer(tokens)).abs().amax(-1)[0]

    assert (moved > 0).all()


def test_without_the_backward_direction_the_mixer_is_causal(mixer: BiMambaMixer):
    import copy

    forwards = copy.deepcopy(mixer)
    for parameter in (forwards.D_b, forwards.x_proj_b.weight):
        torch.nn.init.zeros_(parameter)
    tokens = torch.randn(1, 20, 12, dtype=torch.double)
    changed = tokens.clone()
    changed[:, 10] += 1

    moved = (forwards(changed) - forwards(tokens)).abs().amax(-1)[0]

    assert (moved[:10] == 0).all()
    assert (moved[10:] > 0).all()


def test_a_reversed_clip_with_swapped_directions_comes_out_reversed(mixer: BiMambaMixer):
    import copy

    swapped = copy.deepcopy(mixer)
    pairs = [
        ("conv1d", "conv1d_b"),
        ("x_proj", "x_proj_b"),
        ("dt_proj", "dt_proj_b"),
        ("D", "D_b"),
        ("A_log", "A_b_log"),
    ]
    for one, other in pairs:
        setattr(swapped, one, getattr(mixer, other))
        setattr(swapped, other, getattr(mixer, one))
    tokens = torch.randn(1, 20, 12, dtype=torch.double)

    torch.testing.assert_close(swapped(tokens.flip(1)).flip(1), mixer(tokens), rtol=1e-9, atol=1e-9)


def naive_video_tower(tower: Any, clip: torch.Tensor) -> torch.Tensor:
    """One clip (frames, 3, height, width), patch by patch; returns (frames, patches, size)."""
    weights = dict(tower.named_parameters())
    kernel, bias = weights["patch_embed.proj.weight"].flatten(1), weights["patch_embed.proj.bias"]
    patch = weights["patch_embed.proj.weight"].shape[-1]
    sequence = [weights["cls_token"][0, 0] + weights["pos_embed"][0, 0]]
    for time, frame in enumerate(clip):
        place = 1
        for row in range(0, frame.shape[1], patch):
            for column in range(0, frame.shape[2], patch):
                pixels = frame[:, row : row + patch, column : column + patch].flatten()
                positions = weights["pos_embed"][0, place] + weights["temporal_pos_embedding"][0, time]
                sequence.append(kernel @ pixels + bias + positions)
                place += 1
    residual = torch.stack(sequence)

    def norm(values: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return values / (values.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight

    for index, layer in enumerate(tower.layers):
        residual = residual + naive_mixer(layer.mixer, norm(residual, weights[f"layers.{index}.norm.weight"]))
    return norm(residual, weights["norm.weight"])[1:].reshape(len(clip), -1, residual.shape[1])


def test_the_video_tower_is_the_naive_one(model: Any):
    tower = model.model.vision_tower.vision_encoder
    clips = torch.randn(2, 8, 3, 48, 48, dtype=torch.double, generator=torch.Generator().manual_seed(0))

    with torch.no_grad():
        features = tower(clips)
        slow = torch.stack([naive_video_tower(tower, clip) for clip in clips])

    # Norms and the residual stream are in single precision by design.
    torch.testing.assert_close(features, slow, rtol=1e-4, atol=1e-4)


def test_the_video_tower_takes_eight_frames_only(model: Any):
    with pytest.raises(ValueError, match="takes clips of 8 frames, found 7"):
        model.model.vision_tower(torch.zeros(1, 7, 3, 48, 48, dtype=torch.double))


def test_gradient_checkpointing_of_the_video_tower_changes_no_gradient():
    towers = [make_model(make_processor()).model.vision_tower.vision_encoder.train() for _ in range(2)]
    towers[1].gradient_checkpointing = True
    clip = torch.randn(1, 8, 3, 48, 48, generator=torch.Generator().manual_seed(0))

    gradients = [torch.autograd.grad(tower(clip).square().sum(), list(tower.parameters())) for tower in towers]

    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


# Frame scoring


def naive_scores(frames: torch.Tensor) -> list[float]:
    """Scores of one chunk (frames, patches, size), one looking patch at a time."""
    patches = [(time, patch) for time, frame in enumerate(frames) for patch in frame]
    scores = [0.0] * len(frames)
    for _, looking in patches:
        looks = [math.exp(float(looking @ seen) / math.sqrt(len(looking))) for _, seen in patches]
        for (time, _), look in zip(patches, looks, strict=True):
            scores[time] += look / sum(looks)
    return scores


def test_scores_are_the_attention_that_a_frame_receives():
    features = torch.randn(2, 5, 3, 6, generator=torch.Generator().manual_seed(0))

    scores = score_frames(features)

    wanted = torch.tensor([naive_scores(chunk) for chunk in features])
    torch.testing.assert_close(scores, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(scores.sum(1), torch.full((2,), 15.0))


@pytest.mark.parametrize("highest", [True, False])
def test_the_frames_with_the_outermost_scores_are_selected_in_the_order_of_time(highest: bool):
    features = torch.randn(3, 8, 4, 6, generator=torch.Generator().manual_seed(0))

    selected = select_frames(features, 4, highest=highest)

    for chunk, numbers in zip(features, selected.tolist(), strict=True):
        scores = naive_scores(chunk)
        ranked = sorted(range(8), key=lambda number: scores[number], reverse=highest)
        assert numbers == sorted(ranked[:4])


def test_of_equal_frames_the_earlier_are_selected():
    assert select_frames(torch.zeros(1, 8, 4, 6), 4).tolist() == [[0, 1, 2, 3]]


def test_more_frames_than_a_chunk_has_cannot_be_selected():
    with pytest.raises(ValueError, match="3 frames cannot be selected from a chunk of 2"):
        select_frames(torch.zeros(1, 2, 4, 6), 3)


# Projectors and the order of tokens


def naive_projector(projector: TokenProjector, tokens: torch.Tensor, side: int) -> torch.Tensor:
    """One grid of tokens: an MLP each, means over cells, and a 3 x 3 sum of neighbours by channel beside a shortcut."""
    weights = dict(projector.named_parameters())
    hidden = tokens @ weights["mlp.mlp.0.weight"].T + weights["mlp.mlp.0.bias"]
    hidden = 0.5 * hidden * (1 + torch.erf(hidden / math.sqrt(2)))
    hidden = hidden @ weights["mlp.mlp.2.weight"].T + weights["mlp.mlp.2.bias"]
    in_side = math.isqrt(len(tokens))
    grid = hidden.reshape(in_side, in_side, -1)
    edges = [(index * in_side // side, -(-(index + 1) * in_side // side)) for index in range(side)]
    pooled = torch.stack([torch.stack([grid[r0:r1, c0:c1].mean((0, 1)) for c0, c1 in edges]) for r0, r1 in edges])
    kernel, bias = weights["peg.peg.0.weight"][:, 0], weights["peg.peg.0.bias"]
    rows = []
    for row in range(side):
        for column in range(side):
            value = pooled[row, column] + bias
            for down in (-1, 0, 1):
                for right in (-1, 0, 1):
                    if 0 <= row + down < side and 0 <= column + right < side:
                        value = value + kernel[:, down + 1, right + 1] * pooled[row + down, column + right]
            rows.append(value)
    return torch.stack(rows)


@pytest.mark.parametrize(("in_side", "side"), [(14, 12), (14, 7), (3, 2)])
def test_the_projector_is_the_naive_one(in_side: int, side: int):
    torch.manual_seed(0)
    projector = TokenProjector(6, 8, side).double()
    grids = torch.randn(2, in_side * in_side, 6, dtype=torch.double)

    with torch.no_grad():
        slow = torch.stack([naive_projector(projector, grid, side) for grid in grids])

    torch.testing.assert_close(projector(grids), slow, rtol=1e-9, atol=1e-9)


def test_tokens_that_are_no_square_are_refused():
    with pytest.raises(ValueError, match="10 tokens are no square grid"):
        TokenProjector(6, 8, 2)(torch.zeros(1, 10, 6))


def test_a_groups_tokens_are_all_frames_and_then_the_chosen_frames_of_each_chunk(model: Any):
    """The whole way from pixels to tokens, chunk by chunk, by hand."""
    core = model.model
    generator = torch.Generator().manual_seed(0)
    video = torch.randn(1, 16, 3, 48, 48, dtype=torch.double, generator=generator)
    context = torch.randn(1, 16, 3, 48, 48, dtype=torch.double, generator=generator)

    with torch.no_grad():
        tokens = core.encode_groups(video, context)[0]

        outputs = core.image_vision_tower.vision_tower(context[0], output_hidden_states=True)
        features = outputs.hidden_states[-1][:, 1:]
        by_hand = [naive_projector(core.image_mm_projector, frame, 2) for frame in features]
        chosen = []
        for start in (0, 8):
            scores = naive_scores(features[start : start + 8])
            best = sorted(sorted(range(8), key=lambda number: -scores[number])[:4])
            chosen += [video[0, start + number] for number in best]
        seen = naive_video_tower(core.vision_tower.vision_encoder, torch.stack(chosen))
        for start in (0, 4):
            frames = [frame.T.reshape(-1, 3, 3) for frame in seen[start : start + 4]]
            pooled = [torch.nn.functional.adaptive_avg_pool2d(frame, 2).flatten(1).T for frame in frames]
            by_hand.append(naive_projector(core.mm_projector, torch.cat(pooled), 2))

    torch.testing.assert_close(tokens, torch.cat(by_hand), rtol=1e-4, atol=1e-4)


def test_the_image_tower_ends_at_the_last_but_one_hidden_state():
    from transformers import CLIPVisionConfig, CLIPVisionModel

    model = make_model(make_processor())
    tower = model.model.image_vision_tower
    whole = CLIPVisionModel(CLIPVisionConfig.from_dict(model.config.image_tower_config.to_dict())).eval()
    found = whole.load_state_dict(tower.vision_tower.state_dict(), strict=False)
    pixels = torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))

    with torch.no_grad():
        wanted = whole(pixels, output_hidden_states=True).hidden_states[-2][:, 1:]

    assert all("layers.2." in key or "post_layernorm" in key for key in found.missing_keys)
    torch.testing.assert_close(tower(pixels), wanted)
