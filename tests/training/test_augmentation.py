import numpy as np
import pytest
import torch

from vidtune.data import Turn
from vidtune.training import AugmentationConfig
from vidtune.training._augmentation import augment_clip, swap_sides


@pytest.fixture
def frames_thwc():
    return np.random.default_rng(0).integers(0, 256, (4, 32, 48, 3), dtype=np.uint8)


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
    changed, turns = augment_clip(frames_thwc, TURNS, AugmentationConfig(flip=1.0), np.random.default_rng(0))

    assert np.array_equal(changed, frames_thwc[:, :, ::-1])
    assert [turn.text for turn in turns] == ["Is the right knee bent?", "No, the Left one. RIGHT is straight."]


def test_without_a_flip_the_words_stay(frames_thwc):
    config = AugmentationConfig(brightness=0.2, contrast=0.3, crop=0.2)
    changed, turns = augment_clip(frames_thwc, TURNS, config, np.random.default_rng(0))

    assert turns == TURNS
    assert changed.shape == frames_thwc.shape
    assert changed.dtype == np.uint8
    assert not np.array_equal(changed, frames_thwc)


def test_one_draw_holds_for_the_whole_clip():
    still = np.repeat(np.random.default_rng(1).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8), 4, axis=0)
    config = AugmentationConfig(brightness=0.3, contrast=0.5, crop=0.2, flip=0.5)
    changed, _ = augment_clip(still, TURNS, config, np.random.default_rng(2))

    assert all(np.array_equal(frame, changed[0]) for frame in changed)


def test_the_same_stream_gives_the_same_clip(frames_thwc):
    config = AugmentationConfig(brightness=0.3, contrast=0.5, crop=0.2, flip=0.5)
    first, _ = augment_clip(frames_thwc, TURNS, config, np.random.default_rng([0, 1, 2]))
    again, _ = augment_clip(frames_thwc, TURNS, config, np.random.default_rng([0, 1, 2]))
    other, _ = augment_clip(frames_thwc, TURNS, config, np.random.default_rng([0, 2, 2]))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("seed", range(5))
def test_a_crop_is_the_bilinear_one_of_torch(frames_thwc, seed):
    """So that recipes with a crop learn what they always learned."""
    config = AugmentationConfig(crop=0.3)
    top, bottom, left, right = np.random.default_rng(seed).random(8)[3:7] * 0.3
    changed, _ = augment_clip(frames_thwc, TURNS, config, np.random.default_rng(seed))

    kept = frames_thwc[:, round(top * 32) : 32 - round(bottom * 32), round(left * 48) : 48 - round(right * 48)]
    tchw = torch.from_numpy(np.ascontiguousarray(kept)).permute(0, 3, 1, 2).float()
    expected = torch.nn.functional.interpolate(tchw, size=(32, 48), mode="bilinear", antialias=True)
    expected = expected.permute(0, 2, 3, 1).numpy()
    np.testing.assert_allclose(changed, expected, atol=0.501)
