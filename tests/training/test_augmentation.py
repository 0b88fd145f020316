import numpy as np
import pytest
import torch

from vidtune.data import Turn
from vidtune.media import frameset_from_array
from vidtune.media.corruption import corrupt_frames, read_corruptions
from vidtune.training import AugmentationConfig
from vidtune.training._augmentation import augment_clip, swap_sides


@pytest.fixture
def frames_thwc():
    return np.random.default_rng(0).integers(0, 256, (4, 32, 48, 3), dtype=np.uint8)


def augmented(frames_thwc, config, *seed):
    """Return the changed pixels and what is said of them."""
    frames = frameset_from_array(frames_thwc, fps=4)
    changed, turns = augment_clip(frames, TURNS, config, np.random.default_rng(list(seed)))
    return changed.frames_thwc, turns


TURNS = (Turn("user", "Is the left knee bent?"), Turn("assistant", "No, the Right one. LEFT is straight."))


@pytest.mark.parametrize(
    ("text", "mirrored"),
    [
        ("tricep stretch (right arm) - hold", "tricep stretch (left arm) - hold"),
        ("Left, RIGHT and left", "Right, LEFT and right"),
        ("turn clockwise", "turn counterclockwise"),
        ("keep upright, bright light, leftover", "keep upright, bright light, leftover"),
        ("do it right now, all right, at a right angle", "do it right now, all right, at a right angle"),
    ],
)
def test_sides_change_places_and_nothing_else_does(text, mirrored):
    assert swap_sides(text) == mirrored
    assert swap_sides(mirrored) == text


def test_a_flip_mirrors_pixels_and_words_together(frames_thwc):
    changed, turns = augmented(frames_thwc, AugmentationConfig(flip=1.0), 0)

    assert np.array_equal(changed, frames_thwc[:, :, ::-1])
    assert [turn.text for turn in turns] == ["Is the right knee bent?", "No, the Left one. RIGHT is straight."]


def test_without_a_flip_the_words_stay(frames_thwc):
    config = AugmentationConfig(brightness=0.2, contrast=0.3, crop=0.2)
    changed, turns = augmented(frames_thwc, config, 0)

    assert turns == TURNS
    assert changed.shape == frames_thwc.shape
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, frames_thwc)


def test_one_draw_holds_for_the_whole_clip():
    still = np.repeat(np.random.default_rng(1).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8), 4, axis=0)
    config = AugmentationConfig(brightness=0.3, contrast=0.5, crop=0.2, flip=0.5)
    changed, _ = augmented(still, config, 2)

    assert all(np.array_equal(frame, changed[0]) for frame in changed)


def test_the_same_stream_gives_the_same_clip(frames_thwc):
    config = AugmentationConfig(brightness=0.3, contrast=0.5, crop=0.2, flip=0.5)
    first, _ = augmented(frames_thwc, config, 0, 1, 2)
    again, _ = augmented(frames_thwc, config, 0, 1, 2)
    other, _ = augmented(frames_thwc, config, 0, 2, 2)

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("seed", range(5))
def test_a_crop_is_the_bilinear_one_of_torch(frames_thwc, seed):
    """So that recipes with a crop learn what they always learned."""
    config = AugmentationConfig(crop=0.3)
    top, bottom, left, right = np.random.default_rng([seed]).random(8)[3:7] * 0.3
    changed, _ = augmented(frames_thwc, config, seed)

    kept = frames_thwc[:, round(top * 32) : 32 - round(bottom * 32), round(left * 48) : 48 - round(right * 48)]
    tchw = torch.from_numpy(np.ascontiguousarray(kept)).permute(0, 3, 1, 2).float()
    expected = torch.nn.functional.interpolate(tchw, size=(32, 48), mode="bilinear", antialias=True)
    expected = expected.permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(changed, expected, atol=0.501)


def test_a_corruption_is_the_one_that_clips_are_degraded_with(frames_thwc):
    config = AugmentationConfig(corruptions=("gaussian_noise:3",), corruption_share=1.0)

    changed, turns = augmented(frames_thwc, config, 7)

    frames = frameset_from_array(frames_thwc, fps=4)
    seeds = np.random.default_rng([7])
    seeds.random(10)  # the draws before the corruption's own
    (named,) = read_corruptions("gaussian_noise:3", seed=int(seeds.integers(2**31)))
    np.testing.assert_array_equal(changed, corrupt_frames(frames, named.config).frames_thwc)
    assert turns == TURNS


def test_each_epoch_draws_its_own_damage_and_the_same_again(frames_thwc):
    config = AugmentationConfig(corruptions=("noise:1-5", "gaussian_noise"))

    epochs = [augmented(frames_thwc, config, 0, epoch, 3)[0] for epoch in range(12)]
    again = [augmented(frames_thwc, config, 0, epoch, 3)[0] for epoch in range(12)]

    assert all(np.array_equal(*pair) for pair in zip(epochs, again, strict=True))
    is_spared = [np.array_equal(changed, frames_thwc) for changed in epochs]
    assert 0 < sum(is_spared) < 12
    assert len({changed.tobytes() for changed in epochs}) == 12 - sum(is_spared) + 1


def test_a_damage_that_mirrors_turns_the_words_round(frames_thwc):
    config = AugmentationConfig(corruptions=("mirror",), corruption_share=1.0)

    changed, turns = augmented(frames_thwc, config, 0)

    assert np.array_equal(changed, frames_thwc[:, :, ::-1])
    assert turns[0].text == "Is the right knee bent?"


def test_switching_corruptions_on_leaves_the_other_changes_alone(frames_thwc):
    plain = AugmentationConfig(brightness=0.3, crop=0.2, flip=0.5)
    with_some = plain.model_copy(update={"corruptions": ("gaussian_noise:0",), "corruption_share": 1.0})

    np.testing.assert_array_equal(augmented(frames_thwc, plain, 4)[0], augmented(frames_thwc, with_some, 4)[0])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"corruptions": ["blurr"]}, "no corruption 'blurr'"),
        ({"corruption_share": 0.5}, "has no effect without corruptions"),
    ],
)
def test_a_corruption_that_cannot_be_is_refused_with_the_recipe(values, message):
    with pytest.raises(ValueError, match=message):
        AugmentationConfig(**values)
