"""The program as a user calls it, inside this process."""

import sys

import pytest

from vidtune.cli import cli
from vidtune.cli._shell import run_guarded


@pytest.fixture
def vidtune(monkeypatch, capsys):
    """Run a command as the program would and return exit status, stdout and stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["vidtune", *map(str, arguments)])
        try:
            status = run_guarded(cli)
        except SystemExit as exc:
            status = exc.code
        captured = capsys.readouterr()
        return status or 0, captured.out, captured.err

    return run
