"""The errors vidtune raises on purpose: one tree, each with a stable code, a problem and a remedy.

    VidtuneError                      internal             exit 1
    |-- BadUsage                      bad_usage            exit 2
    |   |-- ConfigInvalid             config_invalid
    |   `-- NotInstalled              not_installed
    |-- BadData                       bad_data             exit 65
    |   |-- DataInvalid               data_invalid         (all findings of a file at once)
    |   |-- VideoMissing              video_missing
    |   |-- VideoUnreadable           video_unreadable
    |   |-- VideoEmpty                video_empty
    |   |-- VideoTooLarge             video_too_large
    |   |-- VideoTimeout              video_timeout
    |   |-- FramesShort               frames_short
    |   |-- ModelUnavailable          model_unavailable
    |   |-- ModelMismatch             model_mismatch
    |   |-- RunMismatch               run_mismatch
    |   |-- RunCorrupt                run_corrupt
    |   `-- SupervisionInvalid        supervision_invalid
    `-- TryAgain                      try_again            exit 75
        |-- DiskFull                  disk_full
        |-- RunLocked                 run_locked
        |-- OutOfMemory               out_of_memory
        |-- PeerLost                  peer_lost
        `-- Interrupted               interrupted

Rooms hang leaves of their own below these: training has ``LossNotFinite`` (loss_not_finite), ``TooManyDropped``
(too_many_dropped) and ``ModelCollapsed`` (model_collapsed), reports has ``NotScored`` (not_scored) and ``NotTrained``
(not_trained), all under ``BadData``; training has ``TrainingHung`` (training_hung) under ``TryAgain`` and
``NotSharded`` (not_sharded) under ``BadUsage``.
Users catch ``VidtuneError``; foreign exceptions are translated where they enter a room.
"""

from __future__ import annotations

from collections.abc import Sequence


class VidtuneError(Exception):
    """Base of every error we raise on purpose.

    Args:
        problem: Which thing, what was found, what was expected. One sentence.
        remedy: What the user can do about it. One sentence, may be empty.
    """

    code = "internal"
    """Stable and machine-readable; written into records instead of a class name."""

    exit_status = 1
    """What the command line returns."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.problem} {self.remedy}".strip()

    def to_record(self) -> dict[str, str]:
        """Return what a prediction record keeps of the error."""
        return {"code": self.code, "problem": self.problem, "remedy": self.remedy}


class BadUsage(VidtuneError):
    """The call itself is wrong: an option, a config, a missing extra."""

    code = "bad_usage"
    exit_status = 2


class ConfigInvalid(BadUsage):
    """A config or recipe does not validate; every finding is reported at once."""

    code = "config_invalid"

    def __init__(self, problem: str, remedy: str = "", findings: Sequence[str] = ()) -> None:
        super().__init__(problem, remedy)
        self.findings = tuple(findings)

    def __str__(self) -> str:
        return "\n  ".join([super().__str__(), *self.findings])


class NotInstalled(BadUsage):
    """An optional part that the request needs is not installed."""

    code = "not_installed"


class BadData(VidtuneError):
    """Something the user gave to work on cannot be used."""

    code = "bad_data"
    exit_status = 65


class DataInvalid(BadData):
    """An annotation file does not hold; every finding of the file is reported at once."""

    code = "data_invalid"

    def __init__(self, problem: str, remedy: str = "", findings: Sequence[str] = ()) -> None:
        super().__init__(problem, remedy)
        self.findings = tuple(findings)

    def __str__(self) -> str:
        return "\n  ".join([super().__str__(), *self.findings])


class VideoMissing(BadData):
    """A sample names a video that is nowhere below the video folder."""

    code = "video_missing"


class VideoUnreadable(BadData):
    """A file is there but no frame can be had from it."""

    code = "video_unreadable"


class VideoEmpty(BadData):
    """A file is empty, a stream has no single frame, or a part begins where the clip has ended."""

    code = "video_empty"


class VideoTooLarge(BadData):
    """A video passes a limit on pixels, frames, seconds or bytes."""

    code = "video_too_large"


class VideoTimeout(BadData):
    """Reading a video took longer than allowed."""

    code = "video_timeout"


class FramesShort(BadData):
    """Fewer frames could be delivered than were asked for."""

    code = "frames_short"


class ModelUnavailable(BadData):
    """A model id or folder cannot be loaded from here."""

    code = "model_unavailable"


class ModelMismatch(BadData):
    """A checkpoint does not fit the model, family or adapter it is used with."""

    code = "model_mismatch"


class RunMismatch(BadData):
    """A run directory holds the work of another recipe."""

    code = "run_mismatch"


class RunCorrupt(BadData):
    """A file of a run directory is damaged."""

    code = "run_corrupt"


class SupervisionInvalid(BadData):
    """The labels of a training batch would teach the wrong thing, or nothing."""

    code = "supervision_invalid"


class TryAgain(VidtuneError):
    """The work can be taken up again as it is, later or with more room."""

    code = "try_again"
    exit_status = 75


class DiskFull(TryAgain):
    """There is no room for a file that must be written."""

    code = "disk_full"


class RunLocked(TryAgain):
    """Another process is writing this run."""

    code = "run_locked"


class OutOfMemory(TryAgain):
    """One sample alone does not fit into memory."""

    code = "out_of_memory"


class PeerLost(TryAgain):
    """Another process of the same run ended, so that this one cannot go on."""

    code = "peer_lost"


class Interrupted(TryAgain):
    """The user or the system stopped the command; what was finished is on disk."""

    code = "interrupted"
