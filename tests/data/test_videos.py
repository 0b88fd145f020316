import os
import unicodedata
from pathlib import Path

import pytest

from vidtune.core.errors import VideoMissing
from vidtune.data import Sample, resolve_video


def sample_of(video):
    return Sample("x", video, ())


@pytest.fixture
def folder(tmp_path):
    for name in (
        "squats/1.mp4",
        "flat.mp4",
        "deep/er/2.mp4",
        "train/lunges/3.mp4",
        "val/squats/3.mp4",
        "a/4.mp4",
        "b/4.mp4",
    ):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "videos"


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("squats/1.mp4", "squats/1.mp4"),
        ("./squats/1.mp4", "squats/1.mp4"),
        ("squats\\1.mp4", "squats/1.mp4"),
        ("dataset/any/flat.mp4", "flat.mp4"),
        ("2.mp4", "deep/er/2.mp4"),
        ("elsewhere/2.mp4", "deep/er/2.mp4"),
        ("lunges/3.mp4", "train/lunges/3.mp4"),
        ("/gone/squats/3.mp4", "val/squats/3.mp4"),
    ],
)
def test_a_video_is_found_as_written_flat_or_nested(folder, written, found):
    assert resolve_video(sample_of(written), folder) == folder / found


@pytest.mark.parametrize(("on_disk", "written"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_a_name_whose_accents_are_coded_otherwise_on_disk_is_found(tmp_path, on_disk, written):
    """A zip from macOS has its accents apart from their letters; whoever types the annotations does not."""
    path = tmp_path / unicodedata.normalize(on_disk, "Übungen/Kniebeugé 1.mp4")
    other = tmp_path / "b" / path.name
    for file in (path, other):
        file.parent.mkdir()
        file.touch()

    assert resolve_video(sample_of(unicodedata.normalize(written, "Übungen/Kniebeugé 1.mp4")), tmp_path) == path


def test_an_absolute_path_that_exists_is_taken_as_written(folder, tmp_path):
    elsewhere = tmp_path / "other.mp4"
    elsewhere.write_bytes(b"x")

    assert resolve_video(sample_of(str(elsewhere)), folder) == elsewhere


def test_a_missing_video_names_the_places_and_the_nearest_names(folder):
    with pytest.raises(VideoMissing) as caught:
        resolve_video(sample_of("squats/flt.mp4"), folder)

    assert str(folder / "squats/flt.mp4") in caught.value.problem
    assert str(folder / "flt.mp4") in caught.value.problem
    assert "flat.mp4" in caught.value.remedy


def test_several_files_that_fit_equally_are_named_not_chosen_from(folder):
    with pytest.raises(VideoMissing, match=r"ambiguous: 2 files .* \(a/4.mp4, b/4.mp4\)"):
        resolve_video(sample_of("4.mp4"), folder)


@pytest.mark.parametrize("video", ["../secret.mp4", "squats/../../secret.mp4", "..\\secret.mp4", "squats/../flat.mp4"])
def test_a_path_that_leaves_the_folder_is_refused(folder, video):
    (folder.parent / "secret.mp4").write_bytes(b"x")

    with pytest.raises(VideoMissing, match="leaves the video folder"):
        resolve_video(sample_of(video), folder)


@pytest.mark.parametrize("video", ["x" * 5000, "a\x00b.mp4", ".", "/", "squats", "squats/"])
def test_a_name_that_no_file_can_have_is_missing_not_a_crash(folder, video):
    with pytest.raises(VideoMissing):
        resolve_video(sample_of(video), folder)


def test_a_missing_video_folder_is_named(tmp_path):
    with pytest.raises(VideoMissing, match=r"video folder .*none does not exist"):
        resolve_video(sample_of("a.mp4"), tmp_path / "none")


def test_folders_linked_in_a_circle_are_listed_once(folder):
    (folder / "deep" / "loop").symlink_to(folder, target_is_directory=True)

    assert resolve_video(sample_of("2.mp4"), folder).name == "2.mp4"


def test_a_name_on_disk_that_is_no_text_is_shown_escaped(tmp_path):
    (tmp_path / "a").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/a/clip_\xff.mp4")).touch()

    with pytest.raises(VideoMissing) as caught:
        resolve_video(Sample("a", "clip_x.mp4", ()), tmp_path)

    assert r"clip_\udcff.mp4" in str(caught.value)
    str(caught.value).encode()
