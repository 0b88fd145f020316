"""What a codec or a small sensor leaves of a picture. Levels of jpeg and pixelate: ImageNet-C."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from vidtune.media.corruption._clip import Clip, Pixels
from vidtune.media.corruption._corruption import Corruption, Parameters, levels
from vidtune.media.corruption._encode import decode_frames, encode_frames


def _jpeg(clip: Clip, parameters: Parameters) -> Clip:
    quality = round(parameters["quality"])

    def change(frame_hwc: Pixels, _: np.random.Generator) -> Pixels:
        is_written, jpeg = cv2.imencode(".jpg", frame_hwc[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
        if not is_written:
            raise ValueError(f"frames of {frame_hwc.shape} cannot be written as JPEG of quality {quality}.")
        return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), np.uint8)[:, :, ::-1]

    return clip.each(change)


def _pixelate(clip: Clip, parameters: Parameters) -> Clip:
    height, width = clip.size_hw
    small = (max(1, int(width * parameters["share"])), max(1, int(height * parameters["share"])))

    def change(frame_hwc: Pixels, _: np.random.Generator) -> Pixels:
        blocks = cv2.resize(frame_hwc, small, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(blocks, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)

    return clip.each(change)


def _h264(clip: Clip, parameters: Parameters) -> Clip:
    """Encode the frames that are there as one stream and decode them again.

    Frames far apart in time compress worse than those of a whole clip: for a figure that stands for a file, damage
    the file.
    """
    # Frames of a set may share a time when a short clip was padded; the encoder wants each at its own.
    rate = max(clip.fps, 1.0)
    shown = ((position / rate, frame_hwc) for position, frame_hwc in enumerate(clip.frames_thwc))
    mp4, num_frames = encode_frames(shown, clip.size_hw, fps=rate, crf=round(parameters["crf"]))
    return replace(clip, frames_thwc=decode_frames(mp4, num_frames, clip.size_hw))


jpeg = Corruption(
    "compression",
    "Every frame is a JPEG of low quality.",
    levels(quality=(25, 18, 15, 10, 7)),
    _jpeg,
    source="ImageNet-C",
)
pixelate = Corruption(
    "compression",
    "Scaled down to a share of its side, and up again in blocks.",
    levels(share=(0.6, 0.5, 0.4, 0.3, 0.25)),
    _pixelate,
    source="ImageNet-C",
)
h264 = Corruption(
    "compression",
    "Encoded as H.264 at a constant rate factor of 30 to 50.",
    levels(crf=(30, 35, 40, 45, 50)),
    _h264,
    needs_whole_clip=True,
    encodes_crf=True,
    source="35, 40 and 45 of the QVED suite at severity 2, 3 and 4",
)
