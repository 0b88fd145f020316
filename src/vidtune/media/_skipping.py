"""Which coded frames need not be decoded when nobody asked for them: those that no other frame is built from.

A rule is used only where the format says so in the frame itself, and says it for all frames: ``nal_ref_idc == 0`` in
H.264, the ``_N`` unit types of an HEVC stream with one temporal layer, the B-pictures of MPEG-1, 2 and 4. VP8, VP9 and
AV1 carry probabilities over from every frame; there nothing is skipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from av.video.stream import VideoStream

SkipRule = Callable[[memoryview], bool]
"""Says of a coded frame that no other frame needs it."""

_START = b"\x00\x00\x01"
_H264_SLICE, _H264_HARMLESS = 1, {6, 9, 12}  # beside slices: messages, delimiters, filling
_HEVC_SUBLAYER_NON_REFERENCE = {0, 2, 4, 6, 8}
_HEVC_HARMLESS = {35, 38, 39, 40}
_MPEG4_PICTURE, _MPEG2_PICTURE = 0xB6, 0x00
_MPEG4_B, _MPEG2_B = 2, 3


def skip_rule_of(stream: VideoStream) -> SkipRule | None:
    """Return the rule for a stream; None when none is provably exact."""
    codec, extradata = stream.codec_context.name, bytes(stream.codec_context.extradata or b"")
    if codec == "h264":
        length_bytes = _length_bytes(extradata, 4)
        return lambda packet: _is_free_h264(packet, length_bytes)
    if codec == "hevc":
        # Only this header says how many temporal layers there are; with several, a frame of one may feed the next.
        has_one_layer = len(extradata) > 22 and extradata[0] == 1 and extradata[21] >> 3 & 7 == 1
        length_bytes = _length_bytes(extradata, 21)
        return (lambda packet: _is_free_hevc(packet, length_bytes)) if has_one_layer else None
    if codec == "mpeg4":
        return _is_free_mpeg4
    if codec in ("mpeg2video", "mpeg1video"):
        return _is_free_mpeg2
    return None


def _length_bytes(extradata: bytes, position: int) -> int:
    """Return how many bytes give the length of a unit; 0 when units are parted by start codes."""
    return (extradata[position] & 3) + 1 if len(extradata) > position and extradata[0] == 1 else 0


def _is_free_h264(packet: memoryview, length_bytes: int) -> bool:
    has_slice = False
    for header in _unit_headers(packet, length_bytes):
        kind = header[0] & 0x1F
        if kind == _H264_SLICE and not header[0] >> 5 & 3:
            has_slice = True
        elif kind not in _H264_HARMLESS:
            return False
    return has_slice


def _is_free_hevc(packet: memoryview, length_bytes: int) -> bool:
    has_slice = False
    for header in _unit_headers(packet, length_bytes):
        kind, layer = header[0] >> 1 & 0x3F, header[1] & 7
        if kind in _HEVC_SUBLAYER_NON_REFERENCE and layer == 1:
            has_slice = True
        elif kind not in _HEVC_HARMLESS:
            return False
    return has_slice


def _is_free_mpeg4(packet: memoryview) -> bool:
    kinds = [following[1] >> 6 for following in _after_start_codes(packet) if following[0] == _MPEG4_PICTURE]
    return kinds == [_MPEG4_B]  # some AVI files pack two pictures into one packet


def _is_free_mpeg2(packet: memoryview) -> bool:
    kinds = [following[2] >> 3 & 7 for following in _after_start_codes(packet) if following[0] == _MPEG2_PICTURE]
    return bool(kinds) and all(kind == _MPEG2_B for kind in kinds)


def _unit_headers(packet: memoryview, length_bytes: int) -> Iterator[bytes]:
    """Yield the first two bytes of each unit; a unit that does not fit ends with an impossible one."""
    if not length_bytes:
        yield from _after_start_codes(packet)
        return
    position, end = 0, len(packet)
    while position + length_bytes + 2 <= end:
        length = int.from_bytes(packet[position : position + length_bytes], "big")
        position += length_bytes
        yield bytes(packet[position : position + 2])
        position += length
    if position != end:
        yield b"\xff\xff"


def _after_start_codes(packet: memoryview) -> Iterator[bytes]:
    """Yield the three bytes after each start code, filled up with ones at the end of the packet."""
    data = bytes(packet)
    position = data.find(_START)
    while position >= 0:
        yield (data[position + 3 : position + 6] + b"\xff\xff\xff")[:3]
        position = data.find(_START, position + 3)
