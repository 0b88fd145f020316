"""Judges a run and kills itself after so many replies: the parent asserts the kill."""

import os
import sys
from pathlib import Path

from vidtune.evaluation.judging import JudgeConfig, judge_predictions


def main() -> None:
    path, address, die_after = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

    def tell(stage: str, done: int, total: int, note: str = "") -> None:
        if stage.startswith("judge") and done >= die_after:
            os.kill(os.getpid(), 9)

    config = JudgeConfig(backend="endpoint", target=address, model="m", num_control_items=5, num_parallel=2)
    judge_predictions(path, config, progress=tell)


main()
