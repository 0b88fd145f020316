"""Terms of the loss: gradients against finite differences, values against references, their place in a run."""

import math

import numpy as np
import pytest
import torch

from vidtune.core.errors import ConfigInvalid
from vidtune.core.rundir import RunDirectory
from vidtune.media.selection.equicontour import mahalanobis_squares as squares_of_the_selector
from vidtune.training import read_history, train
from vidtune.training._terms import loss_terms, term_factor
from vidtune.training.losses._clip import ClipStates, mahalanobis_squares

SETTINGS = [
    ("equicontour_soft", {}),
    ("equicontour_hard", {}),
    ("equicontour_hard", {"tolerance": 0.2}),
    ("distribution_alignment", {}),
    ("structure_alignment", {}),
    ("temporal_coherence", {}),
    ("temporal_coherence", {"order": 2}),
]


def draw(num_frames=5, tokens_a_frame=3, num_features=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (num_frames * tokens_a_frame, num_features)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def value_of(name, options, tokens_nd, num_frames=5, reference=None):
    term = loss_terms.get(name)
    clip = ClipStates.of(tokens_nd, num_frames)
    reference = clip if reference is None else ClipStates.of(reference, num_frames)
    return term.loss(clip, reference, term.options_class(**options))


@pytest.mark.parametrize(("name", "options"), SETTINGS)
@pytest.mark.parametrize("num_frames", [5, 6])
def test_the_gradient_of_each_term_holds_against_finite_differences(name, options, num_frames):
    tokens_nd = draw(num_frames).requires_grad_()
    reference = draw(num_frames, seed=1)

    assert value_of(name, options, tokens_nd, num_frames, reference) > 0
    torch.autograd.gradcheck(
        lambda tokens: value_of(name, options, tokens, num_frames, reference), tokens_nd, eps=1e-7, atol=1e-5
    )


@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_going_down_the_gradient_lowers_the_term(name, options):
    tokens_nd = draw().requires_grad_()
    reference = draw(seed=1)
    before = value_of(name, options, tokens_nd, reference=reference)
    before.backward()
    after = value_of(name, options, (tokens_nd - 1e-3 * tokens_nd.grad).detach(), reference=reference)

    assert after < before


@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_a_term_tells_clips_of_its_fewest_frames_apart(name, options):
    least = loss_terms.get(name).least_frames
    reference = draw(least, seed=9)
    found = [float(value_of(name, options, draw(least, seed=seed), least, reference)) for seed in range(8)]

    assert len({round(value, 6) for value in found}) == 8


@pytest.mark.parametrize("name", ["equicontour_soft", "equicontour_hard", "structure_alignment", "temporal_coherence"])
def test_no_term_can_be_lowered_by_making_all_states_small(name):
    tokens_nd, reference = draw(), draw(seed=1)

    whole = float(value_of(name, {}, tokens_nd, reference=reference))

    assert float(value_of(name, {}, tokens_nd * 0.1, reference=reference)) == pytest.approx(whole, rel=0.01)


def test_distances_are_those_of_the_frame_selector():
    frames = draw(tokens_a_frame=1)

    assert np.allclose(mahalanobis_squares(frames).numpy(), squares_of_the_selector(frames.numpy()))


def test_frames_on_one_contour_cost_nothing():
    angles = torch.linspace(0, 2 * math.pi, 9, dtype=torch.float64)[:-1]
    circle = torch.stack([angles.cos(), angles.sin()], dim=1)

    assert float(value_of("equicontour_soft", {}, circle, 8)) == pytest.approx(0, abs=1e-12)
    assert float(value_of("equicontour_hard", {}, circle, 8)) == 0.0


def test_the_divergence_is_that_of_torch_s_distributions():
    from torch.distributions import Normal, kl_divergence

    tokens_nd = draw()
    frames_td = ClipStates.of(tokens_nd, 5).frames_td
    ours, theirs = (Normal(x.mean(0), (x.var(0, correction=0) + 1e-6).sqrt()) for x in (frames_td, tokens_nd))

    expected = kl_divergence(ours, theirs).mean()

    assert float(value_of("distribution_alignment", {}, tokens_nd)) == pytest.approx(float(expected))


def test_even_motion_is_coherent_in_the_second_order_and_stillness_in_the_first():
    even = torch.arange(5, dtype=torch.float64)[:, None] * torch.tensor([[1.0, 2.0]], dtype=torch.float64)

    assert float(value_of("temporal_coherence", {"order": 2}, even)) == pytest.approx(0, abs=1e-9)
    assert float(value_of("temporal_coherence", {"order": 1}, even)) > 0.1


def test_frames_keep_their_own_tokens():
    tokens = torch.arange(12.0).reshape(6, 2)

    assert ClipStates.of(tokens, 3).frames_td.tolist() == [[1, 2], [5, 6], [9, 10]]


@pytest.mark.parametrize(
    ("schedule", "factors"), [("constant", [1, 1, 1]), ("rising", [0, 0.5, 1]), ("falling", [1, 0.5, 0])]
)
def test_weights_go_straight_over_the_run(schedule, factors):
    assert [term_factor(schedule, step, 5) for step in (1, 3, 5)] == factors
    assert math.isfinite(term_factor(schedule, 1, 1))


def test_every_term_is_a_file_and_its_settings_are_documented():
    assert len(loss_terms.names()) == 5
    for name in loss_terms.names():
        assert all(field.description for field in loss_terms.get(name).options_class.model_fields.values())


ALL_TERMS = {
    "equicontour_soft": {"weight": 2.0, "schedule": "falling"},
    "distribution_alignment": {"weight": 1.0, "schedule": "rising"},
    "structure_alignment": {"weight": 0.5},
    "temporal_coherence": {"weight": 0.5, "options": {"order": 1}},
}


def steps_of(run):
    return read_history(run.training_log).steps


def test_a_run_with_terms_says_what_each_adds_and_lowers_them(recipe, tmp_path):
    plain, more = RunDirectory(tmp_path / "plain"), RunDirectory(tmp_path / "more")
    settings = {"loop": {"max_steps": 12}, "sampling": {"num_frames": 8}}  # two frames make one of the model's
    train(recipe(**settings), plain)
    train(recipe(**settings, loss={"terms": {"temporal_coherence": {"weight": 5.0}}}), more)

    # What is called the loss stays the tokens' own, so that runs can be compared.
    assert steps_of(more)[0]["loss"] == steps_of(plain)[0]["loss"]
    assert steps_of(more)[1]["loss"] != steps_of(plain)[1]["loss"]
    assert steps_of(more)[-1]["temporal_coherence"] < 0.8 * steps_of(more)[0]["temporal_coherence"]
    assert "temporal_coherence" not in steps_of(plain)[0]


def test_terms_of_accumulated_batches_equal_those_of_one(recipe, tmp_path):
    found = []
    for batch_size, accumulation in ((8, 1), (2, 4)):
        run = RunDirectory(tmp_path / f"{batch_size}")
        loop = {"max_steps": 1, "batch_size": batch_size, "accumulation": accumulation, "group_by_length": False}
        config = recipe(loop=loop, sampling={"num_frames": 8}, adapter={"dropout": 0.0}, loss={"terms": ALL_TERMS})
        train(config, run)
        [record] = steps_of(run)
        found.append([record[name] for name in ("grad_norm", *ALL_TERMS)])

    assert found[1] == pytest.approx(found[0], rel=1e-4)
    assert found[0][2] == 0.0  # what rises begins at nothing
    assert all(value > 0 for value in (found[0][1], *found[0][3:]))


def test_a_term_for_which_every_clip_is_too_short_is_refused(recipe, tmp_path):
    terms = {"temporal_coherence": {"weight": 5.0}}
    with pytest.raises(ConfigInvalid, match="temporal_coherence needs clips of at least 6 frames .* longest .* has 4"):
        train(recipe(sampling={"num_frames": 4}, loss={"terms": terms}), RunDirectory(tmp_path / "run"))


def test_terms_on_what_enters_the_model_train_the_projector(recipe, tmp_path):
    run = RunDirectory(tmp_path / "run")
    terms = {"temporal_coherence": {"weight": 5.0, "features": "input"}}
    config = recipe(
        adapter={"modalities": ["projector"], "dropout": 0.0},
        sampling={"num_frames": 8},
        loop={"max_steps": 12},
        loss={"terms": terms},
    )
    train(config, run)

    assert steps_of(run)[-1]["temporal_coherence"] < steps_of(run)[0]["temporal_coherence"]


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ({"equicontur_soft": {"weight": 1}}, "Did you mean 'equicontour_soft'"),
        ({"equicontour_soft": {"weight": 0}}, "weight"),
        ({"temporal_coherence": {"weight": 1, "options": {"oder": 1}}}, "It has: order"),
        ({"structure_alignment": {"weight": 1, "features": "input"}}, "has no effect on 'structure_alignment'"),
        ({"equicontour_soft": {"weight": 1, "features": "input"}}, "neither vision nor projector is trained"),
    ],
)
def test_terms_that_cannot_be_or_do_nothing_are_refused(terms, message, recipe):
    with pytest.raises(ConfigInvalid, match=message):
        recipe(loss={"terms": terms})
