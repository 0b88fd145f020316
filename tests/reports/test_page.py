import re
from html.parser import HTMLParser

import pytest
from tests.reports.payloads import PAYLOADS
from tests.reports.sample import write_comparison, write_run

from vidtune.core.durable import RecordLog, read_json
from vidtune.reports import _samples
from vidtune.reports._page import render_page
from vidtune.reports._view import read_run

VOID = {"meta", "img", "input", "br", "link"}


class Structure(HTMLParser):
    """The elements and attribute names of a page, in order, and whether every element is closed."""

    def __init__(self, html):
        super().__init__()
        self.found, self.open, self.texts, self.attributes = [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, tuple(name for name, _ in attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def html(reported):
    return reported.report_html.read_text()


@pytest.fixture(scope="module")
def page(html):
    return Structure(html)


def render_with(folder, texts):
    run = write_run(folder / "tuned", num_samples=len(texts), num_errors=9, texts=texts, with_strips=False)
    base = write_run(folder / "base", num_samples=len(texts), num_errors=9, texts=texts, with_strips=False)
    write_comparison(run, base, " ".join(texts))
    return render_page(read_run(run, base))


def test_no_text_of_the_run_becomes_an_element_or_an_attribute(tmp_path):
    hostile = Structure(render_with(tmp_path / "hostile", PAYLOADS))
    harmless = Structure(render_with(tmp_path / "harmless", [f"harmless {number}" for number in range(len(PAYLOADS))]))

    assert hostile.found == harmless.found
    assert hostile.open == []
    shown = "".join(hostile.texts)
    for payload in ("<script>alert(1)</script>", "{{ 7*7 }}", "=1+1", "日本語 🤸 é"):
        assert f"squats - Knees cave in.{payload}" in shown


def test_the_page_is_well_formed(page):
    assert page.open == []
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_the_page_asks_nothing_of_the_network(html, page):
    sources = [
        value for name, value in page.attributes if name in ("src", "href", "action", "data", "srcset", "poster")
    ]

    assert sources
    assert all(value.startswith(("data:image/jpeg;base64,", "#")) for value in sources)
    assert "default-src 'none'" in html
    for word in ("@import", "url(", "fetch(", "XMLHttpRequest", "http://", "https://"):
        assert word not in html


def test_the_policy_allows_only_our_script(html):
    import base64
    import hashlib

    script = re.search(r"<script>(.*)</script>", html, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert not [name for tag, names in Structure(html).found for name in names if name.startswith("on")]


def test_the_first_screen_is_the_verdict(html, reported):
    verdict = read_json(reported.metrics)["verdict"]
    first = html[html.index("<main>") : html.index('id="comparison"')]

    assert verdict["headline"] in first
    assert verdict["sentences"][0] in first
    for words in ("How well, and against what", "Without looking", "Before: base", "Can it be trusted?"):
        assert words in first


def test_the_page_shows_base_and_tuned_side_by_side(html):
    assert "Before and after" in html
    assert "+50.0 points" in html
    assert "+25.0 to +75.0 points" in html
    assert "&lt; 0.001" in html


def test_headings_go_down_one_level_at_a_time(page):
    levels = [int(tag[1]) for tag, _ in page.found if re.fullmatch(r"h[1-6]", tag)]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


def test_every_picture_and_chart_has_words_and_every_table_a_caption(html, page):
    assert all("alt" in names for tag, names in page.found if tag == "img")
    drawings = [names for tag, names in page.found if tag == "svg"]
    assert drawings
    assert all("aria-label" in names or "aria-hidden" in names for names in drawings)
    assert html.count("<table") == html.count("<caption")


def test_every_sample_is_on_the_page_with_the_frames_it_was_seen_by(html):
    assert html.count('<tr class="head">') == 12
    assert html.count('src="data:image/jpeg;base64,') == 10
    assert "8 of 8 frames, at 0.00, 0.25" in html


def test_a_colour_is_also_a_word(html):
    colours = re.findall(r'<span class="mark (green|yellow|red)">.*?<small>(\w+)</small>', html)

    assert len(colours) == 10
    assert all(colour == word for colour, word in colours)


def test_failures_are_grouped_by_cause_with_what_to_do(html):
    section = html[html.index('id="failures"') : html.index('id="samples"')]

    assert "2 of 12 samples have no answer" in section
    assert "<code>video_missing</code>" in section
    assert "Fetch it." in section


def test_the_histogram_counts_what_the_thresholds_count(reported):
    from vidtune.reports._charts import HISTOGRAM_PX, histogram

    view = read_run(reported)
    summary = view.summaries["bert_similarity"]
    chart = histogram(view, "bert_similarity", summary)

    counted = dict.fromkeys(("green", "yellow", "red"), 0)
    for bar in chart["bars"]:
        counted[bar["colour"]] += round(bar["height"] / HISTOGRAM_PX * chart["tallest"])
    assert counted == summary["counts"]


def test_a_strip_outside_the_run_is_not_shown(tmp_path):
    run = write_run(tmp_path / "run", num_samples=3, num_errors=0)
    (tmp_path / "secret.jpg").write_bytes(b"\xff\xd8secret")
    records = RecordLog(run.predictions).read()
    run.predictions.unlink()
    with RecordLog(run.predictions) as log:
        log.append_many([{**record, "strip": "../secret.jpg"} for record in records])

    assert 'src="data:' not in render_page(read_run(run))


def test_a_page_that_grows_too_heavy_keeps_the_strips_of_what_went_wrong(tmp_path, monkeypatch):
    run = write_run(tmp_path / "run", num_errors=0)
    size_bytes = len(_samples.pick_strips(read_run(run))[0][1])
    monkeypatch.setattr(_samples, "STRIP_BUDGET_BYTES", 6 * size_bytes + 100)

    found, num_left_out = _samples.pick_strips(read_run(run))

    assert num_left_out == 12 - len(found)
    wrong = {number for number in range(1, 13) if not RecordLog(run.scores).read()[number - 1]["exercise_correct"]}
    assert wrong <= set(found) or set(found) <= wrong
    assert f"{num_left_out} strips are left out" in render_page(read_run(run))


def test_samples_beyond_the_first_are_data_that_the_script_draws(tmp_path, monkeypatch):
    import json

    from vidtune.reports import _page

    monkeypatch.setattr(_page, "NUM_IN_HTML", 5)
    run = write_run(tmp_path / "run", texts=["</script><b>", "\u2028"], num_errors=6)

    html = render_page(read_run(run))

    data = re.search(r'<script type="application/json" id="more-samples">(.*?)</script>', html, re.DOTALL).group(1)
    assert "<" not in data
    assert "\u2028" not in data
    found = json.loads(data)
    assert [sample["number"] for sample in found] == list(range(6, 13))
    assert found[0]["error"].startswith("video_missing: gone")
    assert found[1]["told"][1] == ["Expert", "squats - Knees cave in.</script><b>", ""]
    assert found[1]["strip"].startswith("data:image/jpeg;base64,")
    assert found[1]["marks"][1][2] == read_run(run).rows[6].scores["bert_similarity"]
    assert "shows the first 5 of 12 samples" in html


def test_a_clip_beside_the_report_can_be_played_and_no_other_file(tmp_path):
    run = write_run(tmp_path / "run", num_samples=3, num_errors=0, texts=["", "", "/../../secret.mp4"])
    (run.path / "clips" / "squats").mkdir(parents=True)
    (run.path / "clips" / "squats" / "0000.mp4").write_bytes(b"clip")
    (tmp_path / "secret.mp4").write_bytes(b"secret")

    html = render_page(read_run(run))

    assert re.findall(r'<video src="([^"]*)"', html) == ["clips/squats/0000.mp4"]
    assert "media-src 'self' file:;" in html


def test_without_clips_the_policy_allows_no_media(html):
    assert "media-src" not in html
