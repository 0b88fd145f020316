"""One command in several processes, started and watched by torch's elastic launcher."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from vidtune.core.errors import Interrupted, PeerLost, TryAgain, VidtuneError

_ERROR_FILE = "TORCHELASTIC_ERROR_FILE"
"""The launcher's variable: where a process that fails says why."""


def run_in_processes(arguments: Iterable[str], num_processes: int, *, prints_result: bool = True) -> None:
    """Run ``vidtune ARGUMENTS`` in so many processes that share the work; returns when all have succeeded.

    Args:
        arguments: The command line, the same for all.
        num_processes: How many.
        prints_result: Let what they print on stdout through.

    Raises:
        TryAgain: If a process was ended from outside, by name of its signal.
        SystemExit: If one ended with an error, which is printed, with its exit status.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # What it has to say is said here, in one line.
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="vidtune-") as folder:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=num_processes,
            run_id=uuid.uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            max_restarts=0,
            shutdown_timeout=5,
            logs_specs=DefaultLogsSpecs(log_dir=folder, redirects=Std.NONE if prints_result else Std.OUT),
        )
        try:
            options = ["--traceback"] * ("--traceback" in sys.argv)
            elastic_launch(config, sys.executable)("-m", "vidtune", *options, *arguments)
        except SignalException as exc:
            raise Interrupted("stopped.", "Run the same command again; it continues where it stopped.") from exc
        except ChildFailedError as exc:
            _raise_cause(exc.failures, Path(folder), num_processes)


def reports_to_launcher() -> bool:
    """Whether this process was started by a launcher that waits for its error in a file."""
    return _ERROR_FILE in os.environ


def report_to_launcher(line: str, error: VidtuneError) -> None:
    """Leave the error line where the launcher looks for it; it prints the one that began it all."""
    # The shape is the launcher's own: other tools than ours read it too.
    record = {
        "message": {"message": line, "extraInfo": {"py_callstack": line, "timestamp": "0"}},
        "code": error.code,
        "exit_status": error.exit_status,
    }
    Path(os.environ[_ERROR_FILE]).write_text(json.dumps(record), encoding="utf-8")


def _raise_cause(failures: Mapping[int, Any], folder: Path, num_processes: int) -> None:
    """Say what ended the run: an error of a process before a signal, and a lost neighbour only as a last resort."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("error.json"))]
    causes = [record for record in records if record.get("code") != PeerLost.code]
    if causes:
        click.echo(causes[0]["message"]["message"], err=True)
        sys.exit(causes[0].get("exit_status", 1))
    # The launcher itself ends the others, by SIGTERM.
    rank, failure = min(failures.items(), key=lambda item: item[1].exitcode == -signal.SIGTERM)
    if failure.exitcode > 0:
        sys.exit(failure.exitcode)  # it ended by itself and has said why
    raise TryAgain(
        f"process {rank} of 0..{num_processes - 1} was ended from outside (signal {failure.signal_name()}); "
        "the others were stopped.",
        "Run the same command again; it continues from the last checkpoint.",
    )
