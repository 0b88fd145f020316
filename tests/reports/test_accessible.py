"""Can everybody read the page? Contrast worked out from the style, and axe-core in a browser at three widths."""

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
from tests.reports.sample import write_run

import vidtune.reports
from vidtune.reports import write_comparison_reports, write_reports

STYLE = Path(vidtune.reports.__file__).parent / "templates" / "report.css"
WIDTHS_PX = (390, 820, 1440)

# What stands on what: (text, ground), each a colour of the style or a mixture of two as (over, share, under).
PAIRS = [
    *((text, ground) for text in ("ink", "soft", "accent") for ground in ("paper", "card")),
    *((f"{colour}-ink", colour) for colour in ("green", "yellow", "red")),
    ("ink", ("accent", 0.50, "paper")),  # the fullest cell of a confusion matrix that is right
    ("ink", ("wrong", 0.50, "paper")),  # and wrong
]

CHECK = """<script>addEventListener("load", async () => {
  document.querySelectorAll("details").forEach((one) => { one.open = true; });
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await axe.run(document, { runOnly: { type: "tag", values: tags } });
  const told = violations.map((one) => [one.id, one.nodes.length, one.nodes[0].html.slice(0, 200)]);
  parent.postMessage({ dark: matchMedia("(prefers-color-scheme: dark)").matches, width: innerWidth, told }, "*");
});</script>"""
FRAMES = """<!doctype html><html lang="en"><meta name="color-scheme" content="light dark">%s<script>
  const found = [];
  addEventListener("message", (event) => {
    found.push(event.data);
    if (found.length === %d) document.body.textContent = "FOUND" + encodeURIComponent(JSON.stringify(found)) + "END";
  });
</script></html>"""


def colours_of(scheme):
    """Return the colours of the style as (r, g, b) from 0 to 1."""
    light, dark = re.findall(r":root \{(.*?)\n *\}", STYLE.read_text(), re.DOTALL)[:2]
    found = dict(re.findall(r"--([\w-]+): (#\w+)", light))
    if scheme == "dark":
        found |= dict(re.findall(r"--([\w-]+): (#\w+)", dark))
    return {
        name: tuple(
            int(code[at : at + len(code) // 3] * (6 // len(code)), 16) / 255
            for at in range(0, len(code), len(code) // 3)
        )
        for name, code in ((name, code[1:]) for name, code in found.items())
    }


def luminance(colour):
    """Return the relative luminance of WCAG 2."""
    linear = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_stands_out_from_its_ground(text, ground, scheme):
    colours = colours_of(scheme)
    below = colours[ground] if isinstance(ground, str) else None
    if below is None:
        over, share, under = ground
        below = tuple(share * a + (1 - share) * b for a, b in zip(colours[over], colours[under], strict=True))

    lighter, darker = sorted((luminance(colours[text]), luminance(below)), reverse=True)

    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A report and a comparison, with clips beside the report."""
    folder = tmp_path_factory.mktemp("pages")
    tuned, base = write_run(folder / "tuned", num_samples=60), write_run(folder / "base", num_samples=60)
    (tuned.path / "clips" / "squats").mkdir(parents=True)
    (tuned.path / "clips" / "squats" / "0002.mp4").write_bytes(b"no video")
    row = {"difference": 0.1, "ci_low": 0.0, "ci_high": 0.2, "p_value": 0.04, "p_value_holm": 0.08}
    record = {"a": "base", "b": "tuned", "metrics": {"bert_similarity": row}}
    write_reports(tuned, baseline=base)
    write_comparison_reports([base, tuned], record, folder / "out")
    return {"report": tuned.report_html, "comparison": folder / "out" / "report.html"}


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "comparison"])
def test_axe_finds_nothing_at_three_widths(pages, name, scheme, tmp_path):
    package = importlib.util.find_spec("axe_playwright_python")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if package is None or browser is None:
        pytest.skip("axe-playwright-python, for its axe.min.js, or chromium is not installed")
    axe = Path(package.submodule_search_locations[0], "axe.min.js").read_text()
    # In a copy without its policy, which would refuse a script that is not its own.
    html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", pages[name].read_text())
    (tmp_path / "page.html").write_text(html.replace("</body>", f"<script>{axe}</script>{CHECK}</body>"))
    frames = "".join(
        f'<iframe title="{width}" src="page.html" width="{width}" height="900"></iframe>' for width in WIDTHS_PX
    )
    (tmp_path / "frames.html").write_text(FRAMES % (frames, len(WIDTHS_PX)))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--window-size=1500,900", "--virtual-time-budget=60000", "--dump-dom"]
    command += [f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}"]

    shown = subprocess.run(
        [*command, (tmp_path / "frames.html").as_uri()], capture_output=True, text=True, timeout=240, check=True
    ).stdout

    found = json.loads(unquote(re.search("FOUND([^ ]*?)END", shown)[1]))
    assert sorted(one["width"] for one in found) == list(WIDTHS_PX)
    assert {one["dark"] for one in found} == {scheme == "dark"}
    assert [one["told"] for one in found] == [[]] * len(WIDTHS_PX)
