"""What a training step of each arm costs, in processor time: ``cost.json``, which the table takes up.

Runs of the study may share their cores with anything, so their wall clock compares nothing. Here the arms take a few
steps by turns, in one process with one thread, and the time that the process was given is counted.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from plan import Arm, Study

from vidtune.config import load_recipe
from vidtune.core.durable import write_json
from vidtune.core.environment import describe_environment
from vidtune.core.rundir import RunDirectory
from vidtune.training import TrainConfig, train

_ROUNDS = 2
_STEPS = 10
_NUM_SAMPLES = 48


def measure(study: Study, names: Iterable[str], pack: Path, out: Path) -> Path:
    """Write ``cost.json``: median and range of the seconds a step of each arm, the first step of a round left out."""
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(_ROUNDS):
        for name, found in seconds.items():
            found += seconds_of_steps(study, study.arms[name], pack)
    arms = {
        name: {"median_s": statistics.median(found), "min_s": min(found), "max_s": max(found), "num_steps": len(found)}
        for name, found in seconds.items()
    }
    how = f"processor seconds of a training step, all threads of the process; {_ROUNDS} rounds by turns"
    write_json(out / "cost.json", {"how": how, "environment": describe_environment(("torch",)), "arms": arms})
    return out / "cost.json"


def seconds_of_steps(study: Study, arm: Arm, pack: Path) -> list[float]:
    """Return the processor seconds between the ends of neighbouring steps."""
    config = load_recipe(
        TrainConfig,
        arm.path,
        [
            *(f"data.path={pack / 'study_train.json'}", f"data.videos={pack}", f"data.limit={_NUM_SAMPLES}"),
            *(*study.shared, *arm.set),
            *("eval_data=null", "evaluation=null", "loop.epochs=null", f"loop.max_steps={_STEPS}"),
            *("loop.num_threads=1", "loop.tracking.trackers=[]"),
        ],
    )
    ends_s: list[float] = []

    def mark(stage: str, done: int, total: int, note: str = "") -> None:
        if stage == "train":
            ends_s.append(time.process_time())

    with tempfile.TemporaryDirectory() as folder:
        train(config, RunDirectory(Path(folder) / "run"), progress=mark)
    return [after - before for before, after in zip(ends_s, ends_s[1:], strict=False)]
