import numpy as np
import pytest
import yaml
from tests.evaluation.benchmark_runs import write_answers
from tests.media.writing import write_clip
from tests.models.test_embedders import clip_folder  # noqa: F401 -- a tiny image-text model

from vidtune.core.errors import BadUsage, DataInvalid
from vidtune.evaluation import EvaluateConfig, score_predictions
from vidtune.media import SamplingConfig, read_frames
from vidtune.media.embedding import get_embedder


@pytest.fixture
def run(tmp_path):
    run = write_answers(tmp_path / "run", "msr_vtt/MSRVTT_JSFUSION_test.csv")
    videos = tmp_path / "videos"
    for number in range(4):
        write_clip(videos / f"video{number}.mp4", num_frames=12, width=64, height=64, seed=number)
    run.recipe.write_text(yaml.safe_dump({"data": {"videos": str(videos)}}), encoding="utf-8")
    return run


def evaluate(run, embedder):
    return score_predictions(run.path, EvaluateConfig(similarity=embedder, with_bert=False, num_resamples=300)).metrics


def test_texts_are_compared_with_the_frames_of_videos(run, clip_folder):  # noqa: F811
    name = f"contrastive:{clip_folder}"

    corpus = evaluate(run, name)["corpus"]
    table = np.load(run.path / "similarity.npy")

    embedder = get_embedder(name)
    frames = read_frames(
        run.path.parent / "videos/video2.mp4", SamplingConfig(num_frames=12), max_side_px=embedder.max_side_px
    ).frames_thwc
    features = embedder.embed_frames(frames)
    assert table.shape == (4, 4)
    assert table[0, 2] == pytest.approx(embedder.score_frames(frames, features, "a man slices bread").mean(), abs=1e-6)
    assert 0 <= corpus["text_to_video_recall_at_1"]["value"] <= 1
    assert corpus["text_to_video_recall_at_5"]["value"] == 1.0


def test_an_embedder_that_reads_no_text_is_refused(run):
    with pytest.raises(BadUsage, match="cannot tell what a text"):
        evaluate(run, "descriptor")


def test_a_run_that_does_not_say_where_its_videos_are_is_told(run):
    run.recipe.unlink()

    with pytest.raises(DataInvalid, match="where the videos are"):
        evaluate(run, "descriptor")
