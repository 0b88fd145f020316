"""The hash of a file's content, remembered as long as the file is the same one."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from vidtune.core.hashing import sha256_file
from vidtune.media._container import ClipFile

_MAX_REMEMBERED = 10_000
# A file that was written just now may be written again within the same tick of its clock.
_SETTLED_AFTER_NS = 2_000_000_000
_remembered: OrderedDict[tuple[int, ...], str] = OrderedDict()
_lock = threading.Lock()


def hash_of(clip: ClipFile) -> str:
    """Return the SHA-256 of a file, reading it at most once.

    A file counts as the same one while device, inode, size and both of its clocks are; the second of them moves with
    every write and cannot be set back.
    """
    status = clip.path.stat()
    # A file without a name has an inode that the next one may get.
    if not status.st_nlink:
        return sha256_file(clip.path)
    key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    with _lock:
        known = _remembered.get(key)
    if known is not None:
        return known
    sha256 = sha256_file(clip.path)
    if time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < _SETTLED_AFTER_NS:
        return sha256
    with _lock:
        _remembered[key] = sha256
        while len(_remembered) > _MAX_REMEMBERED:
            _remembered.popitem(last=False)
    return sha256
