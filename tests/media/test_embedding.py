"""The descriptor that needs no weights."""

from __future__ import annotations

import numpy as np
import pytest
from tests.media.selection.films import RED_S, scenes_film, view_of

from vidtune.core.errors import BadUsage
from vidtune.media.embedding import get_embedder
from vidtune.media.embedding.descriptor import COLOURS, SHADES

# sRGB values that people call by these names.
NAMED = {
    "red": (210, 30, 30),
    "orange": (250, 140, 20),
    "yellow": (245, 225, 40),
    "green": (40, 160, 50),
    "cyan": (40, 200, 210),
    "blue": (40, 80, 220),
    "purple": (120, 50, 190),
    "magenta": (225, 45, 195),
    "pink": (250, 170, 190),
    "brown": (110, 70, 30),
    "black": (15, 15, 15),
    "grey": (128, 128, 128),
    "white": (245, 245, 245),
}


def film_with(colour: tuple[int, int, int]) -> np.ndarray:
    frames = np.random.default_rng(0).integers(100, 130, (60, 48, 64, 3)).astype(np.uint8)
    frames[30:33, 10:20, 20:30] = colour
    return frames


def test_all_named_colours_are_tested() -> None:
    assert set(NAMED) == set(COLOURS + SHADES)


@pytest.mark.parametrize("name", [name for name in NAMED if name != "grey"])
def test_a_colour_that_the_question_names_makes_its_frames_relevant(name: str) -> None:
    frames = film_with(NAMED[name])
    embedder = get_embedder("descriptor")

    scores = embedder.score_frames(frames, embedder.embed_frames(frames), f"What is the {name} thing?")

    assert scores is not None
    assert set(np.argsort(scores)[-3:]) == {30, 31, 32}
    assert scores[31] > 5 * np.sort(scores)[-4]


def test_a_question_without_a_colour_is_not_scored() -> None:
    frames = film_with(NAMED["red"])
    embedder = get_embedder("descriptor")

    assert embedder.score_frames(frames, embedder.embed_frames(frames), "Is the hundred reduced?") is None


def test_like_frames_are_near_and_a_small_object_moves_them_more_than_noise() -> None:
    rng = np.random.default_rng(1)
    plain = rng.integers(90, 120, (64, 96, 3)).astype(np.uint8)
    noisy = np.clip(plain + rng.normal(0, 3, plain.shape), 0, 255).astype(np.uint8)
    with_object = plain.copy()
    with_object[20:32, 40:52] = (220, 40, 40)
    features = get_embedder("descriptor").embed_frames(np.stack([plain, noisy, with_object]))

    assert np.linalg.norm(features[0] - features[2]) > 2 * np.linalg.norm(features[0] - features[1])


def test_a_frame_has_one_vector_whatever_is_beside_it() -> None:
    frames = scenes_film(seconds=4)
    embedder = get_embedder("descriptor")

    together, alone = embedder.embed_frames(frames), embedder.embed_frames(frames[5:6])

    assert together.dtype == np.float32
    np.testing.assert_array_equal(together[5], alone[0])


def test_relevance_reaches_the_view() -> None:
    view = view_of(scenes_film(), query="Where is the red square?")

    relevance = view.relevance("descriptor", 5.0)

    times_s = view.scan(5.0).times_s
    is_there = (times_s >= RED_S[0]) & (times_s < RED_S[1])
    assert relevance is not None
    assert relevance[is_there].min() > relevance[~is_there].max()


@pytest.mark.parametrize(
    ("name", "message"),
    [("descripter", "Did you mean 'descriptor'"), ("descriptor:x", "takes no argument")],
)
def test_a_wrong_name_is_refused(name: str, message: str) -> None:
    with pytest.raises(BadUsage, match=message):
        get_embedder(name)
