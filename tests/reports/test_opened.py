"""Reports opened by real programs: browser, spreadsheet program, TeX.

The run has 10,000 samples, 3 % failed, a hostile text in every field.
"""

import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import av
import numpy as np
import openpyxl
import pytest
from tests.media.writing import tone, write_sound
from tests.reports.payloads import PAYLOADS
from tests.reports.sample import write_run
from tests.reports.test_comparison import record_of, write_runs
from tests.reports.test_reports import as_printed

from vidtune.core.durable import RecordLog, read_json
from vidtune.reports import write_comparison_reports, write_reports
from vidtune.reports._latex import render_latex

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

# Loads every clip as a press on "play" would, then says what became of it.
PLAYER = """<script>addEventListener("load", async () => {
  const found = {};
  for (const video of document.querySelectorAll("video")) {
    const ended = new Promise((done) => {
      video.onloadeddata = () => done("plays"); video.onerror = () => done("fails");
    });
    video.preload = "auto"; video.load();
    const state = await ended, told = video.parentNode.querySelector(".unplayable").textContent;
    found[video.getAttribute("src")] = [state, video.videoWidth, video.duration, video.hidden, told,
      video.parentNode.querySelector("a").getAttribute("href")];
  }
  tell(found);
});</script>"""

# What stands where a sound can be played.
PLAYERS = """<script>(function () {
  const found = Array.from(document.querySelectorAll("audio"), (audio) => {
    const link = audio.parentNode.querySelector("a");
    return [audio.getAttribute("src"), audio.controls, audio.preload, audio.ariaLabel,
      link.getAttribute("href"), link.textContent];
  });
  tell(found);
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


def write_clip(path, codec):
    """Write one second of grey in ``codec``."""
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=10, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(10):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), 128, np.uint8), format="rgb24"))
            )
        container.mux(stream.encode())


@contextmanager
def listening():
    """Listen for what a page tells; return where, and the queue that it comes into."""
    told = queue.Queue()

    class Listener(BaseHTTPRequestHandler):
        def do_POST(self):
            told.put(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", told
        finally:
            server.shutdown()
            thread.join()


def open_with(script, page, profile):
    """Open a page in a browser with a script added to it that calls ``tell``, and return what that was given.

    In real time, which media need.
    """
    with listening() as (address, told):
        tell = f"""<script>const tell = (found) => fetch("{address}",
          {{method: "POST", mode: "no-cors", body: JSON.stringify(found)}});</script>"""
        # The page's own policy, but for our scripts and what they tell: it must let the media in.
        html = re.sub(r"script-src '[^']*'", f"script-src 'unsafe-inline'; connect-src {address}", page.read_text())
        page.write_text(html.replace("</body>", tell + script + "</body>"))
        command = [program("chromium", "google-chrome"), "--headless", "--no-sandbox", "--disable-gpu"]
        command += [f"--user-data-dir={profile}", "--remote-debugging-port=0", page.as_uri()]  # stays open for it
        errors = profile.with_suffix(".log")
        with errors.open("w") as log, subprocess.Popen(command, stderr=log, start_new_session=True) as browser:
            try:
                return json.loads(told.get(timeout=120))
            except queue.Empty:
                pytest.fail(f"the page told nothing in two minutes; the browser said: {errors.read_text()[-2000:]}")
            finally:
                os.killpg(browser.pid, signal.SIGKILL)


def test_a_browser_plays_clips_beside_the_report_and_says_which_it_cannot(tmp_path):
    run = write_run(tmp_path / "run", num_samples=3, num_errors=0)
    records = RecordLog(run.predictions).read()
    run.predictions.unlink()
    names = ("a b.webm", "ü#1.mp4", "broken.mp4")
    with RecordLog(run.predictions) as log:
        log.append_many([{**record, "video": name} for record, name in zip(records, names, strict=True)])
    (run.path / "clips").mkdir()
    write_clip(run.path / "clips" / "a b.webm", "libvpx-vp9")
    write_clip(run.path / "clips" / "ü#1.mp4", "libx264")
    (run.path / "clips" / "broken.mp4").write_bytes(b"no video")
    write_reports(run)

    found = open_with(PLAYER, run.report_html, tmp_path / "profile")

    assert list(found) == ["clips/a%20b.webm", "clips/%C3%BC%231.mp4", "clips/broken.mp4"]
    assert all(address == link for address, (*_, link) in found.items())
    vp9, h264, broken = (found[address][:5] for address in found)
    assert vp9 == ["plays", 64, pytest.approx(1, abs=0.1), False, ""]
    assert broken[0] == "fails"
    for state, *_, is_hidden, told in (h264, broken):  # not every build of Chromium has a licence for H.264
        assert is_hidden == (state == "fails")
        assert told.startswith("This browser cannot play the clip") == (state == "fails")


def test_a_sound_is_offered_alike_by_the_page_and_by_its_script(tmp_path, monkeypatch):
    monkeypatch.setattr("vidtune.reports._page.NUM_IN_HTML", 1)
    run = write_run(tmp_path / "run", num_samples=2, num_errors=0)
    records = RecordLog(run.predictions).read()
    run.predictions.unlink()
    names = ("in page.wav", "drawn.wav")
    sound = {"requested_s": 0.6, "delivered_s": 0.6, "start_s": 0.0, "gap_s": 0.0}
    with RecordLog(run.predictions) as log:
        log.append_many(
            [{**one, "sound": sound, "meta": {"audio": name}} for one, name in zip(records, names, strict=True)]
        )
    for name in names:
        write_sound(run.path / name, tone(0.6, 400))
    write_reports(run)

    found = open_with(PLAYERS, run.report_html, tmp_path / "profile")

    assert found == [
        [address, True, "none", f"The sound of squats/{number:04}.mp4", address, "Open the sound"]
        for number, address in enumerate(("in%20page.wav", "drawn.wav"))
    ]


def test_a_printed_page_holds_every_table_to_its_last_column(tmp_path):
    runs = write_runs(tmp_path)
    write_reports(runs[0])
    write_comparison_reports(runs, record_of("abc"), tmp_path / "out")
    for folder in (runs[0].path, tmp_path / "out"):
        page = folder / "report.html"
        command = [program("chromium", "google-chrome"), "--headless", "--no-sandbox", "--disable-gpu"]
        command += [f"--user-data-dir={tmp_path / 'profile'}", "--no-pdf-header-footer"]
        subprocess.run(
            [*command, f"--print-to-pdf={tmp_path / 'page.pdf'}", page.as_uri()],
            capture_output=True,
            timeout=120,
            check=True,
        )

        printed = subprocess.run(
            [program("pdftotext"), str(tmp_path / "page.pdf"), "-"], capture_output=True, text=True, check=True
        ).stdout
        tables = page.read_text().partition('id="ledger"')[0]  # of samples, what is shown is printed, as cards
        cells = re.findall(r"<t[hd]\b[^>]*>(.*?)</t[hd]>", tables, re.DOTALL)
        words = {word for cell in cells for word in unescape(re.sub("<[^>]*>", " ", cell)).split()}
        assert len(words) > 40
        assert words <= set(printed.split()), f"cut off in print: {words - set(printed.split())}"


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


@pytest.mark.parametrize(
    ("engine", "packages"),
    [("pdflatex", r"\usepackage[T1]{fontenc}\usepackage{lmodern}"), ("lualatex", r"\usepackage{fontspec}")],
)
def test_tex_sets_hostile_tables_and_prints_what_was_written(engine, packages, tmp_path):
    texts = [text for text in PAYLOADS if len(text) < 1000]
    tables = {text: render_latex((("Name", "n"), [[text, "1"], ["next", "2"]]), note=text) for text in texts}
    # The fonts that TeX brings know no Chinese, Arabic or emoji: LuaLaTeX leaves those out, and pdfLaTeX was refused.
    legible = [text for text, table in tables.items() if "does not know" not in table]
    chosen = legible if engine == "pdflatex" else texts
    body = "\n\\newpage\n".join(tables[text] for text in chosen)
    source = (
        f"\\documentclass{{article}}{packages}\\usepackage{{booktabs}}\\begin{{document}}\n{body}\\end{{document}}\n"
    )
    (tmp_path / "tables.tex").write_text(source)
    command = [program(engine), "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "tables.tex"]

    subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=300, check=True)

    printed = subprocess.run(
        [program("pdftotext"), "-layout", "tables.pdf", "-"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    pages = [page.split("\n") for page in printed.stdout.split("\f")][: len(chosen)]
    assert len(pages) == len(chosen)
    for text, (_, row, _, note, *_) in zip(chosen, pages, strict=True):
        if text in legible:
            found = [
                line.replace("’", "'").split() for line in (row.removesuffix("1"), note)
            ]  # an apostrophe is curled
            assert found == [as_printed(text).split()] * 2
