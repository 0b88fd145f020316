import pytest
from tests.reports.sample import write_comparison, write_run

from vidtune.reports import write_reports


@pytest.fixture(scope="session")
def reported(tmp_path_factory):
    """A tuned run with its baseline, and all its reports. Read only."""
    folder = tmp_path_factory.mktemp("reported")
    run, base = write_run(folder / "tuned"), write_run(folder / "base")
    write_comparison(run, base)
    write_reports(run, baseline=base)
    return run
