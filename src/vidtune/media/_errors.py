"""Errors that only the media room raises; they hang below the tree of ``vidtune.core.errors``."""

from __future__ import annotations

from vidtune.core.errors import BadData


class SoundMissing(BadData):
    """A file has no sound track."""

    code = "sound_missing"


class SoundUnreadable(BadData):
    """A sound track cannot be decoded."""

    code = "sound_unreadable"


class SoundEmpty(BadData):
    """A sound track has nothing in the part that was asked for."""

    code = "sound_empty"


class VideoDecoderDied(BadData):
    """The process that decodes a clip ended without an answer; the next clip gets a new one."""

    code = "video_decoder_died"
