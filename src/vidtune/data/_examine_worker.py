"""The process in which clips are examined: one JSON request a line on stdin, one JSON answer a line on stdout."""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from vidtune.core.errors import VideoTooLarge
from vidtune.data import _examine

_MEMORY_BYTES = 6 * 1024**3


def main() -> None:
    """Answer requests until stdin ends."""
    # A bomb must end this process and not the machine.
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(_MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not land among the answers
    # Before the first clip's clock runs: loading takes longer than most clips.
    import vidtune.media.quality

    vidtune.media.quality.measures.names()
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            config = _examine.ExamineConfig(**request["config"])
            record = _examine.examine_clip(Path(request["path"]), config)
        except MemoryError:
            record = _bad(VideoTooLarge.code, f"decoding needs more than {_MEMORY_BYTES:,} bytes.")
        except Exception as exc:  # the edge of one sample: our bug is this clip's record and not the end of the others
            record = _bad("internal", " ".join(f"{type(exc).__name__}: {exc}".split()))
        print(json.dumps(record, allow_nan=False), file=answers)


def _bad(code: str, reason: str) -> dict[str, Any]:
    return {"status": "bad", "code": code, "reason": reason, "is_usable": False}


if __name__ == "__main__":
    main()
