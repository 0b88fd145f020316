import re
from html.parser import HTMLParser

import pytest
from tests.reports.payloads import PAYLOADS
from tests.reports.sample import write_comparison, write_run

from vidtune.core.durable import RecordLog, read_json, write_json
from vidtune.reports import _samples
from vidtune.reports._charts import outcome
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


def rewrite_records(run, **changes):
    """Change every prediction record of a run: a value, or a function of the record."""
    records = RecordLog(run.predictions).read()
    run.predictions.unlink()
    with RecordLog(run.predictions) as log:
        log.append_many(
            [
                {**record, **{key: value(record) if callable(value) else value for key, value in changes.items()}}
                for record in records
            ]
        )


def sound_of(delivered_s=0.6, requested_s=0.6, start_s=0.0, gap_s=0.0):
    return {"requested_s": requested_s, "delivered_s": delivered_s, "start_s": start_s, "gap_s": gap_s}


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


def test_one_person_is_told_in_the_singular(tmp_path):
    run = write_run(tmp_path / "run")
    write_json(run.metrics, {**read_json(run.metrics), "cluster": "subject", "num_clusters": 1})

    html = render_page(read_run(run))

    assert "<b>1</b> person</p>" in html
    assert "from 1 person;" in html


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


def test_what_was_heard_and_read_is_said_beside_what_was_seen(tmp_path):
    run = write_run(tmp_path / "run", num_samples=4, num_errors=0)
    rewrite_records(
        run,
        sound=lambda record: sound_of(0.67, 1.5, 0.2, 0.1) if record["sample_id"] == "s1" else sound_of(),
        subtitles=lambda record: {"place": "between", "num_lines": int(record["sample_id"][1:])},
    )

    html = render_page(read_run(run))

    assert "What the model saw and heard, and how long it took" in html
    for name, text in (
        ("Samples with sound", "4 of 4"),
        ("Sound heard of each", "0.60 to 0.67 s"),
        ("Less sound than there was", "1 sample"),
        ("Sound lost in the middle", "1 sample"),
        ("Samples with subtitles", "4 of 4, between the frames"),
        ("Subtitle lines of each", "0 to 3"),
    ):
        assert f"<dt>{name}</dt><dd>{text}</dd>" in html
    assert "0.67 of 1.50 s of sound heard, from 0.20 s on, 0.10 s of it lost · 1 line of subtitles between" in html
    assert "no subtitles at these frames" in html


def test_nothing_is_said_of_sound_and_subtitles_where_there_were_none(html):
    assert "What the model saw, and how long it took" in html
    assert not re.search("sound heard|Samples with (sound|subtitles)|of subtitles", html)


def test_a_sound_beside_the_report_can_be_played_and_no_other_file(tmp_path):
    run = write_run(tmp_path / "run", num_samples=5, num_errors=0)
    names = {"s0": "a b.wav", "s1": "../secret.wav", "s2": "out.wav", "s3": "notes.txt", "s4": 'x" onerror="1.wav'}
    rewrite_records(run, sound=sound_of(), meta=lambda record: {"audio": names[record["sample_id"]]})
    (tmp_path / "secret.wav").write_bytes(b"secret")
    (run.path / "sounds").mkdir()
    for name in ("a b.wav", "notes.txt", 'x" onerror="1.wav'):
        (run.path / "sounds" / name).write_bytes(b"sound")
    (run.path / "sounds" / "out.wav").symlink_to(tmp_path / "secret.wav")

    html = render_page(read_run(run))

    played = re.findall(r'<audio src="([^"]*)" controls preload="none"', html)
    assert played == ["sounds/a%20b.wav", "sounds/x%22%20onerror%3D%221.wav"]
    assert "media-src 'self' file:;" in html
    assert "onerror" not in {name for _, names in Structure(html).found for name in names}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"condition": "silence"}, "0.60 of 0.60 s silence in place of the sound"),
        ({"condition": "shuffled_sound", "heard_sample": "s7"}, "of sound heard; it is that of s7"),
    ],
)
def test_a_sound_that_the_model_did_not_hear_is_not_offered_as_heard(tmp_path, changes, told):
    run = write_run(tmp_path / "run", num_samples=2, num_errors=0)
    rewrite_records(run, sound=sound_of(), meta={"audio": "a.wav"}, **changes)
    (run.path / "a.wav").write_bytes(b"sound")

    html = render_page(read_run(run))

    assert "<audio" not in html
    assert told in html


def test_the_clip_that_is_played_is_the_one_that_was_shown(tmp_path):
    run = write_run(tmp_path / "run", num_samples=1, num_errors=0)
    rewrite_records(run, condition="wrong_video", shown_video="other.mp4", video="own.mp4")
    for name in ("own.mp4", "other.mp4"):
        (run.path / name).write_bytes(b"clip")

    html = render_page(read_run(run))

    assert re.findall(r'<video src="([^"]*)"', html) == ["other.mp4"]
    assert "asked with wrong video · shown the clip other.mp4" in html


def test_of_a_recording_the_part_that_was_shown_is_played_and_told(tmp_path):
    run = write_run(tmp_path / "run", num_samples=1, num_errors=0)
    (record,) = RecordLog(run.predictions).read()
    frames = {**record["frames"], "duration_s": 600.0, "start_s": 20.0, "end_s": 30.5}
    rewrite_records(run, video="own.mp4", frames=frames)
    (run.path / "own.mp4").write_bytes(b"clip")

    html = render_page(read_run(run))

    assert re.findall(r'<video src="([^"]*)"', html) == ["own.mp4#t=20,30.5"]
    assert "of the part from 20.00 to 30.50 s" in html


def test_a_score_beyond_one_is_drawn_on_an_axis_that_holds_it(tmp_path):
    run = write_run(tmp_path / "run", num_errors=0)
    metrics = read_json(run.metrics)
    cider = metrics["metrics"]["bert_similarity"] | {"mean": 0.8, "ci_high": 1.5, "thresholds": None, "counts": None}
    write_json(run.metrics, {**metrics, "metrics": {"bert_similarity": cider}})
    scores = RecordLog(run.scores).read()
    run.scores.unlink()
    with RecordLog(run.scores) as log:
        log.append_many([{**one, "bert_similarity": 1.7 if number else 0.1} for number, one in enumerate(scores)])

    html = render_page(read_run(run))

    assert "<dt>Axis</dt><dd>0 to 2</dd>" in html
    assert 'x2="150.0"' in html, "the interval ends at three quarters of the axis"
    assert "0.10 to 0.20: 1; 1.70 to 1.80: 11 samples" in html
    assert '<text x="200" y="104" text-anchor="end">2</text>' in html


@pytest.mark.parametrize(
    ("method", "told"),
    [
        ("none: all 8 groups have the same mean", "none (all 8 groups have the same mean)"),
        ("none: 4 groups are too few; a 95 % interval takes 6", "none (4 groups are too few)"),
    ],
)
def test_why_there_is_no_interval_is_what_the_scoring_says(tmp_path, method, told):
    run = write_run(tmp_path / "run")
    metrics = read_json(run.metrics)
    for summary in metrics["metrics"].values():
        summary |= {"ci_low": None, "ci_high": None, "interval_method": method}
    write_json(run.metrics, metrics)

    assert f"<dt>95 % interval</dt><dd>{told}</dd>" in render_page(read_run(run))


@pytest.mark.parametrize(
    ("difference", "p_value", "word"), [(0.5, 0.0005, "better"), (-0.5, 0.0005, "worse"), (0.5, 0.25, "not known")]
)
def test_a_difference_without_an_interval_is_named_by_its_test(difference, p_value, word):
    assert outcome({"ci_low": None, "ci_high": None, "difference": difference, "p_value": p_value}) == word


def test_a_score_without_colours_is_not_offered_to_be_shown_by_them(tmp_path):
    run = write_run(tmp_path / "run")
    coloured = render_page(read_run(run))
    metrics = read_json(run.metrics)
    metrics["metrics"]["bert_similarity"] |= {"thresholds": None, "counts": None}
    write_json(run.metrics, metrics)

    plain = render_page(read_run(run))

    assert "BERT Similarity: red" in coloured
    assert "BERT Similarity: red" not in plain


def test_pictures_are_spoken_of_only_where_there_are_some(html, tmp_path):
    run = write_run(tmp_path / "run", with_strips=False)

    assert "Each picture strip is exactly what the model saw" in html
    text = render_page(read_run(run))
    assert "Each picture strip" not in text
    assert "The run kept no pictures of what the model saw." in text
