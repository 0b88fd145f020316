"""A run of 10,000 samples, 3 % failed, a hostile text in every field: opened by real programs, numbers compared."""

import json
import os
import re
import shutil
import subprocess
import sys
from urllib.parse import unquote

import openpyxl
import pytest
from tests.reports.payloads import PAYLOADS
from tests.reports.sample import write_run

from vidtune.core.durable import RecordLog, read_json
from vidtune.reports import write_reports

pytestmark = pytest.mark.slow
NUM_SAMPLES, NUM_FAILED = 10_000, 300

# What a person does, done by a script that is put into a copy of the page (its own policy would refuse it).
PERSON = """<script>(function () {
  const at = (id) => document.getElementById(id), found = {};
  const told = () => at("shown").textContent;
  found.opened = told();
  found.rows = document.querySelectorAll("#ledger tbody").length;
  found.headline = at("verdict-title").textContent;
  const began = performance.now();
  at("show").value = "failed"; at("show").dispatchEvent(new Event("change"));
  found.failed = told();
  at("show").value = ""; at("show").dispatchEvent(new Event("change"));
  at("find").value = "squats/9999.mp4"; at("find").dispatchEvent(new Event("input"));
  found.found = told();
  at("find").value = ""; at("find").dispatchEvent(new Event("input"));
  const head = at("ledger").tHead.rows[0].cells[3];
  head.querySelector("button").click(); head.querySelector("button").click();
  found.sorted = head.getAttribute("aria-sort");
  found.best = at("ledger").tBodies[0].rows[0].cells[3].textContent;
  document.querySelector("#pager .next").click();
  found.next = told();
  found.spent_ms = performance.now() - began;
  found.scripts = document.querySelectorAll("script").length;
  found.foreign = document.querySelectorAll("iframe, object, embed, form, base, svg image, [onerror], [onload]").length;
  document.body.textContent = "FOUND" + encodeURIComponent(JSON.stringify(found)) + "END";
})();</script>"""


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    texts = [text for text in PAYLOADS if len(text) < 1000]
    folder = tmp_path_factory.mktemp("large")
    run = write_run(folder / "run", NUM_SAMPLES, NUM_FAILED, texts, with_strips=False)
    write_reports(run)
    return run


def rows_of(path, sheet):
    """Return the values of a sheet, header first."""
    book = openpyxl.load_workbook(path, read_only=True)
    rows = list(book[sheet].iter_rows(values_only=True))
    book.close()
    return rows


def program(*names):
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"{' or '.join(names)} is not installed")
    return found


def test_every_process_writes_the_same_bytes(tmp_path):
    run = write_run(tmp_path / "run")
    code = "import sys; from pathlib import Path; from vidtune.core.rundir import RunDirectory; "
    code += "from vidtune.reports import write_reports; write_reports(RunDirectory(Path(sys.argv[1])))"
    found = []
    for seed in "123":
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, str(run.path)], env=environment, check=True, timeout=120)
        found.append({path.name: path.read_bytes() for path in run.path.rglob("*") if path.is_file()})

    assert found[0] == found[1] == found[2]


def test_a_browser_shows_finds_orders_and_turns_pages_of_all_samples(large, tmp_path):
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", large.report_html.read_text())
    page = tmp_path / "page.html"
    page.write_text(html.replace("</body>", PERSON + "</body>"))
    quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
    command = [program("chromium", "google-chrome"), "--headless", "--no-sandbox", *quiet, "--disable-component-update"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]

    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    found = json.loads(unquote(re.search("FOUND([^ ]*?)END", shown)[1]))
    best = max(row["bert_similarity"] for row in RecordLog(large.scores).read() if row["status"] == "ok")
    assert found["opened"] == "Samples 1 to 50 of 10,000"
    assert found["rows"] == 50
    assert found["failed"] == "Samples 1 to 50 of 300 found among 10,000"
    assert found["found"].startswith("Samples 1 to 1 of 1 found")
    assert found["sorted"] == "descending"
    assert f"{best:.3f}" in found["best"]
    assert found["next"] == "Samples 51 to 100 of 10,000"
    assert (found["scripts"], found["foreign"]) == (3, 0)  # ours, the data, and the person's
    assert found["headline"].startswith("It names half of the exercises.<script>alert(1)</script>")


def test_a_spreadsheet_program_opens_the_workbook_and_shows_the_same_values(large, tmp_path):
    command = [program("soffice", "libreoffice"), f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}"]
    command += ["--headless", "--convert-to", "ods", "--outdir", str(tmp_path), str(large.report_xlsx)]
    subprocess.run(command, capture_output=True, timeout=300, check=True)
    command[-5:] = ["--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(tmp_path)]
    subprocess.run(
        [*command, str(tmp_path / f"{large.report_xlsx.stem}.ods")], capture_output=True, timeout=300, check=True
    )

    header, *ours = rows_of(large.report_xlsx, "Test Evaluation Results")
    _, *theirs = rows_of(tmp_path / large.report_xlsx.name, "Test Evaluation Results")

    score = header.index("BERT Similarity")
    assert len(ours) == NUM_SAMPLES
    for mine, other in zip(ours, theirs, strict=True):
        assert mine[0] == other[0]
        assert mine[score] == (None if other[score] is None else pytest.approx(other[score]))
        assert not str(other[2]).startswith("#"), other[2]


def test_workbook_page_and_scores_agree_on_every_sample(large):
    _, *rows = rows_of(large.report_xlsx, "Test Evaluation Results")
    html = large.report_html.read_text()
    data = json.loads(re.search(r'id="more-samples">(.*?)</script>', html, re.DOTALL)[1])

    scores = RecordLog(large.scores).read()
    assert [row[4] for row in rows] == [record["bert_similarity"] for record in scores]
    assert len(data) == NUM_SAMPLES - 200
    for sample in data:
        value = scores[sample["number"] - 1]["bert_similarity"]
        text, _, sort = sample["marks"][1]
        assert (text, sort) == (("", "") if value is None else (f"{value:.3f}", value))


def test_all_reports_say_the_same_verdict_of_it(large):
    # Each of the texts takes its line ends and what is invisible out; the words are the same.
    headline = " ".join(read_json(large.metrics)["verdict"]["headline"].split())
    start = headline[: headline.index("<")]

    assert start in rows_of(large.report_xlsx, "Trust")[1][2]
    assert start in large.report_html.read_text()
    assert start in (large.path / "report.md").read_text()
