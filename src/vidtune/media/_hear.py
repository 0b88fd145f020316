"""The door to the sound of a file. Frames come through ``_read``."""

from __future__ import annotations

from pathlib import Path

from vidtune.media._container import ClipFile
from vidtune.media._isolated_clip import read_isolated_sound
from vidtune.media._limits import ReadLimits
from vidtune.media._sound import Sound, WantedSound
from vidtune.media._sound_file import read_sound_file


def read_sound(
    path: Path | str,
    *,
    sample_rate_hz: int,
    max_duration_s: float,
    limits: ReadLimits | None = None,
    start_s: float = 0.0,
    end_s: float | None = None,
) -> Sound:
    """Return what is heard of a clip, or of a file of sound alone, in one channel.

    Args:
        path: A video file, whose first sound track is read; or wav, m4a, mp3, flac, ogg and their like.
        sample_rate_hz: At which it is delivered, whatever the file has.
        max_duration_s: The most that is delivered; ``Sound.requested_s`` says how much there was to hear.
        limits: What the file may cost.
        start_s: Where the part begins, in seconds after the first frame of a clip, or after the beginning of a file of
            sound alone. What comes before it is decoded too: times are exact, late parts of long files take longer.
        end_s: Where it ends. None: at the end of the track.

    Raises:
        ValueError: If there is no such part.
        SoundMissing: If the file has no sound track.
        SoundUnreadable: If the track cannot be decoded.
        SoundEmpty: If the track has nothing in that part.
        VideoMissing, VideoUnreadable, VideoEmpty: If there is no such file, or nothing in it.
        VideoTooLarge: If it passes ``limits``.
        VideoTimeout: If it takes longer than ``limits.timeout_s``.
        VideoDecoderDied: If it ends the process that decodes it; only with ``limits.is_isolated``.
    """
    limits = limits or ReadLimits()
    wanted = WantedSound(sample_rate_hz, max_duration_s, start_s, end_s)
    read = read_isolated_sound if limits.is_isolated else read_sound_file
    return read(ClipFile.of(Path(path)), wanted, limits)
