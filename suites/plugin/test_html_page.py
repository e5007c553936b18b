"""`--conc-html` and notebooks: one page that needs nothing else, and that keys, buttons and clicks step through.

The tests with a browser append a script to the page, which plays the reader and leaves what it saw in the document.
"""

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from pytest_conc import explore
from pytest_conc.report.page import embedded, page
from suites.plugin.test_json_report import ODD, TESTS
from suites.plugin.test_reports import deadlock, lost_update

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
in_a_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome on the PATH")


class Elements(HTMLParser):
    """What a parser of HTML finds: the tags with their attributes, and the texts of script elements."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts, self._inside = [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.scripts[-1] += data


@pytest.fixture
def made(pytester):
    """Runs a test file with both reports; returns the text of the page and the document of the JSON file."""

    def made(text, *options):
        pytester.makepyfile(text)
        pytester.runpytest_subprocess(
            "-p", "no:cacheprovider", "--conc-html=out.html", "--conc-json=out.json", *options
        )
        return (pytester.path / "out.html").read_text("utf-8"), json.loads((pytester.path / "out.json").read_text())

    return made


def test_the_page_needs_no_other_file(made):
    text, _ = made(TESTS)
    names = {name for _, attributes in Elements(text).tags for name in attributes}
    assert not names & {"src", "srcset", "action", "poster"}
    assert [attributes["href"] for _, attributes in Elements(text).tags if "href" in attributes] == ["data:,"]
    assert not re.search(r"@import|url\(|https?://(?!www\.w3\.org/2000/svg)", text)


def test_the_page_holds_the_record_of_the_json_file(made):
    text, document = made(TESTS)
    assert json.loads(Elements(text).scripts[0]) == document


def test_no_text_of_a_program_ends_the_script_that_holds_it(made):
    text, document = made(ODD, "-k", "not test_named", "-p", "no:terminal")
    assert "</script>" in document["tests"][0]["failure"]["explanation"]
    elements = Elements(text)
    assert len(elements.scripts) == text.count("</script>") == 2
    assert "<!--" not in text
    assert json.loads(elements.scripts[0]) == document


@pytest.mark.parametrize("odd", ["</script>", "<!--", "\udc80", "\u2028", '"', "'", "\\", "&lt;", "$record ${script}"])
def test_an_odd_text_comes_back_as_it_was(odd):
    text = page({"odd": odd})
    text.encode("utf-8")
    assert json.loads(embedded({"odd": odd})) == json.loads(Elements(text).scripts[0]) == {"odd": odd}


def test_a_notebook_shows_each_exploration_in_a_frame_of_its_own():
    frames = [explore(lost_update)._repr_html_(), explore(lambda: None, executions=2)._repr_html_()]
    for frame, name in zip(frames, ("lost_update", "<lambda>"), strict=True):
        ((tag, attributes),) = Elements(frame).tags
        assert (tag, attributes["title"].endswith(name)) == ("iframe", True)
        (test,) = json.loads(Elements(attributes["srcdoc"]).scripts[0])["tests"]
        assert test["id"].endswith(name)


def seen(pytester, text, script, width=1280):
    """What a script that plays the reader returns, in a window of this width; and the errors of the console."""
    played = f"""<script>
const errors = [];
window.addEventListener("error", (event) => errors.push(event.message));
document.addEventListener("securitypolicyviolation", (event) => errors.push(event.violatedDirective));
const key = (name, target = document.body) =>
  target.dispatchEvent(new KeyboardEvent("keydown", {{ key: name, bubbles: true, cancelable: true }}));
const player = document.querySelector(".player");
const counter = () => player.querySelector(".counter").textContent;
const play = () => {{ {script} }};
window.addEventListener("load", () => {{
  let result;
  try {{ result = play(); }} catch (error) {{ errors.push(String(error)); }}
  parent.document.getElementById("seen").textContent = JSON.stringify({{ result, errors }});
}});
</script>"""
    inner = text.replace("<main>", f"{played.partition('const player')[0]}</script><main>", 1)
    inner += "<script>const player" + played.partition("const player")[2]
    outer = pytester.path / "outer.html"
    frame = f'<iframe style="width: {width}px; height: 800px" srcdoc="{html.escape(inner)}"></iframe>'
    outer.write_text(f'<!doctype html><meta charset="utf-8"><pre id="seen"></pre>{frame}', "utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={pytester.path / 'profile'}"]
    command = [BROWSER, *options, "--virtual-time-budget=5000", "--dump-dom", outer.as_uri()]
    dumped = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=True).stdout
    found = json.loads(html.unescape(re.search('<pre id="seen">(.*?)</pre>', dumped, re.DOTALL)[1]))
    assert found["errors"] == []
    return found["result"]


@in_a_browser
def test_keys_buttons_and_clicks_step_through_a_failure(pytester, made):
    text, _ = made(TESTS, "-k", "test_lost")
    script = """
    const steps = [counter()];
    const after = (doing) => { doing(); steps.push(counter()); };
    for (const name of ["ArrowRight", "j", "ArrowLeft", "k", "k", "End", "Home"]) after(() => key(name));
    for (const name of ["next", "last", "previous", "first"]) after(() => player.querySelector("." + name).click());
    after(() => player.querySelectorAll("tbody tr")[2].click());
    after(() => document.querySelectorAll(".operations button")[2].click());
    return steps;"""
    one, two, three, four, end = *(f"Step {number} of 4" for number in (1, 2, 3, 4)), "The end"
    assert seen(pytester, text, script) == [
        *(one, two, three, two, one, one, end, one),
        *(two, end, four, one),
        *(three, four),
    ]


@in_a_browser
def test_every_step_shows_where_it_is_what_changed_and_says_so(pytester, made):
    text, _ = made(TESTS, "-k", "test_lost")
    script = """
    player.querySelector(".next").click();
    player.querySelector(".next").click();
    const shown = (name) => [...player.querySelectorAll(name)].map((each) => each.textContent.trim());
    return [shown("[aria-current=step] .what"), shown("[aria-live]"), shown(".source .here code"),
      shown(".source .here .badge"), shown(".changed td"), shown(".lanes thead .badge")];"""
    current, live, line, badges, changed, lanes = seen(pytester, text, script)
    assert current == ["2writes box.n = 1 (was 0)"]
    assert live[0].startswith("Step 3 of 4: B Thread-2 (add)")
    assert line == ["box.n += 1"]
    assert badges == lanes == ["A", "B"]
    assert changed == ["0 → 1changedA still goes by 0"]


@in_a_browser
def test_a_deadlock_ends_with_who_holds_and_who_wants_each_lock(pytester):
    exploration = explore(deadlock)
    text = html.unescape(re.search('srcdoc="(.*?)"', exploration._repr_html_(), re.DOTALL)[1])
    script = """
    player.querySelector(".last").click();
    const texts = (row) => [...row.querySelectorAll("th, td div")].map((each) => each.textContent.trim());
    return [...player.querySelectorAll(".state tr")].map(texts);"""
    rows = {row[0]: row[1:] for row in seen(pytester, text, script) if row[0] in ("left", "right")}
    assert rows == {"left": ["held by A", "wanted by B"], "right": ["held by B", "wanted by A"]}


@in_a_browser
@pytest.mark.parametrize("width", [390, 1280])
def test_no_width_makes_the_page_scroll_sideways(pytester, made, width):
    text, _ = made(TESTS + ODD, "-p", "no:terminal")
    script = """
    document.querySelectorAll("details").forEach((each) => { each.open = true; });
    document.querySelectorAll(".player input[type=checkbox]").forEach((each) => each.click());
    const page = document.documentElement;
    const anchors = [...document.querySelectorAll("nav a")].map((each) => each.getAttribute("href").slice(1));
    return [page.scrollWidth - page.clientWidth, document.querySelectorAll("section").length,
      anchors.every((name) => document.getElementById(name))];"""
    overflow, sections, linked = seen(pytester, text, script, width)
    assert (overflow, sections, linked) == (0, 7, True)


@in_a_browser
def test_what_a_call_has_made_of_a_container_is_told_by_the_next_look_at_it(pytester, made):
    text, _ = made(
        """
import threading
from pytest_conc import interleave
@interleave(strategy="fifo")
def test_said():
    said = []
    threads = [threading.Thread(target=lambda n=n: said.append(n)) for n in range(2)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    assert said == [1, 0]
"""
    )
    script = """
    const values = [];
    for (const name of ["first", "next"]) {
      player.querySelector("." + name).click();
      values.push(player.querySelector(".changed td").textContent);
    }
    return values;"""
    assert seen(pytester, text, script) == ["[] → [0]changed", "[0] → not shownchanged"]
