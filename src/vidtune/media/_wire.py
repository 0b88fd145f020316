"""What the decoder process and its user say to each other: one JSON object a message, arrays beside it in a file.

Nothing that comes from the decoder is ever run: it may have been taken over by the clip that it decodes.
"""

from __future__ import annotations

import json
import math
import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidtune.core import errors
from vidtune.core.errors import VidtuneError
from vidtune.media._errors import SoundEmpty, SoundMissing, SoundUnreadable, VideoDecoderDied

_LENGTH_BYTES = 4
_MAX_MESSAGE_BYTES = 256 * 1024**2
_MAX_FDS = 1
_DTYPES = {"uint8", "int64", "float32", "float64", "bool"}
_ERRORS: tuple[type[VidtuneError], ...] = (
    errors.VideoMissing,
    errors.VideoUnreadable,
    errors.VideoEmpty,
    errors.VideoTooLarge,
    errors.VideoTimeout,
    VideoDecoderDied,
    SoundMissing,
    SoundUnreadable,
    SoundEmpty,
)


class Nonsense(Exception):
    """A message that does not hold together."""


def send_message(link: socket.socket, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Send a message, and open files with it."""
    data = json.dumps(message).encode()
    head = len(data).to_bytes(_LENGTH_BYTES, "big")
    if descriptors:
        socket.send_fds(link, [head], list(descriptors))
        link.sendall(data)
    else:
        link.sendall(head + data)


def receive_message(link: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Return the next message and the files that came with it.

    Raises:
        EOFError: If the other side is gone.
        Nonsense: If it is no message.
    """
    head, descriptors, _, _ = socket.recv_fds(link, _LENGTH_BYTES, _MAX_FDS)
    head += _receive(link, _LENGTH_BYTES - len(head)) if head else b""
    if not head:
        raise EOFError("the other side has gone")
    length = int.from_bytes(head, "big")
    if length > _MAX_MESSAGE_BYTES:
        raise Nonsense
    try:
        message = json.loads(_receive(link, length))
    except (ValueError, RecursionError) as exc:
        raise Nonsense from exc
    if not isinstance(message, dict):
        raise Nonsense
    return message, descriptors


def put_arrays(file: int, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """Write arrays to the file and return where each lies."""
    places, position = {}, 0
    os.ftruncate(file, 0)
    for name, array in arrays.items():
        data = np.ascontiguousarray(array).data.cast("B")
        places[name] = {"dtype": array.dtype.name, "shape": list(array.shape), "position": position}
        while data:
            written = os.pwrite(file, data, position)
            position += written
            data = data[written:]
    return places


def get_array(file: int, place: Any) -> NDArray[Any]:
    """Return an array that ``put_arrays`` wrote.

    Raises:
        Nonsense: If no such array is there.
    """
    try:
        dtype, shape, position = str(place["dtype"]), tuple(int(size) for size in place["shape"]), place["position"]
        if dtype not in _DTYPES or not shape or min(shape) < 0:
            raise Nonsense
        size_bytes = math.prod(shape) * np.dtype(dtype).itemsize
        if not 0 <= position <= position + size_bytes <= os.fstat(file).st_size:
            raise Nonsense
        array = np.empty(shape, dtype=dtype)
        data = array.reshape(-1).data.cast("B") if size_bytes else memoryview(b"")
        while data:
            num_read = os.preadv(file, [data], position)
            position += num_read
            data = data[num_read:]
        return array
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise Nonsense from exc


def error_of(record: Any) -> VidtuneError:
    """Return the error that a decoder reported.

    Raises:
        Nonsense: If there is no such error.
    """
    by_code = {kind.code: kind for kind in _ERRORS}
    try:
        return by_code[record["code"]](str(record["problem"]), str(record["remedy"]))
    except (KeyError, TypeError) as exc:
        raise Nonsense from exc


def _receive(link: socket.socket, num_bytes: int) -> bytes:
    parts = []
    while num_bytes:
        part = link.recv(min(num_bytes, 1 << 20))
        if not part:
            raise EOFError("the other side has gone")
        parts.append(part)
        num_bytes -= len(part)
    return b"".join(parts)
