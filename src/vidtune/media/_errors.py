"""Errors that only the media room raises; they hang below the tree of ``vidtune.core.errors``."""

from __future__ import annotations

from vidtune.core.errors import BadData


class VideoDecoderDied(BadData):
    """The process that decodes a clip ended without an answer; the next clip gets a new one."""

    code = "video_decoder_died"
