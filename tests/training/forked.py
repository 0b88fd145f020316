"""Processes forked from one that has imported everything: starting Python anew takes longer than a small training."""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
from multiprocessing.connection import wait
from pathlib import Path

from vidtune.core.errors import VidtuneError

_PATIENCE_S = 300


def start(function, *arguments, errors=os.devnull, **variables):
    """Start ``function(*arguments)`` in a process with ``variables`` in its environment and stderr in a file.

    It ends as the command line does: an error of ours is its exit status, and one line in ``errors``.
    """
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(["tests.training.preloaded"])
    process = forking.Process(target=_run, args=(function, arguments, str(errors), variables))
    process.start()
    return process


def run(function, *arguments, **options):
    """Run it to its end and return the exit code: negative is the signal that ended it."""
    process = start(function, *arguments, **options)
    process.join(_PATIENCE_S)
    assert process.exitcode is not None, "it did not end"
    return process.exitcode


def start_world(function, *arguments, num_processes, folder):
    """Start a process for each rank, as torchrun does; the stderr of rank N is ``N.log`` in ``folder``."""
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        port = listener.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    size = str(num_processes)
    shared = {"WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    ranks = [str(rank) for rank in range(num_processes)]
    return [
        start(function, *arguments, errors=folder / f"{rank}.log", RANK=rank, LOCAL_RANK=rank, **shared)
        for rank in ranks
    ]


def run_world(function, *arguments, num_processes, folder):
    """Run them to their end; if one fails, the others are ended and what it said is the failure."""
    processes = start_world(function, *arguments, num_processes=num_processes, folder=folder)
    try:
        waiting = list(processes)
        while waiting and all(process.exitcode in (None, 0) for process in processes):
            wait([process.sentinel for process in waiting], timeout=_PATIENCE_S)
            waiting = [process for process in waiting if process.exitcode is None]
    finally:
        for process in processes:
            process.kill()
            process.join()
    said = "\n".join(path.read_text() for path in sorted(folder.glob("*.log")))
    assert [process.exitcode for process in processes] == [0] * num_processes, said


def _run(function, arguments, errors, variables):
    os.environ.update(variables)
    sys.stderr = Path(errors).open("a", buffering=1)  # noqa: SIM115 (as long as the process)
    os.dup2(sys.stderr.fileno(), 2)
    try:
        function(*arguments)
    except VidtuneError as exc:
        sys.stderr.write(f"error[{exc.code}]: {exc}\n")
        sys.exit(exc.exit_status)
