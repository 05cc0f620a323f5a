"""People answer the page in a real browser, from its files and from a web server."""

import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from lit_adv.cli import main
from lit_adv.study.build import build
from lit_adv.study.design import Study
from lit_adv.study.jspsych import CDN, LIBRARIES

Visit = Callable[[str], Page]
WRONG = {"cat": "dog", "dog": "ship", "ship": "cat"}


@pytest.fixture(scope="module")
def built(folder: Path, node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two groups of six pictures, three choices."""
    out = tmp_path_factory.mktemp("study")
    words = ["--out", str(out), "--group-size", "6", "--offline", str(node_modules)]
    main(["study", "build", str(folder), *words])
    return out


@pytest.fixture
def server(built: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=built / "page")) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/index.html"
        running.shutdown()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Visit]:
    """Opens an address in a browser that has seen nothing before; its scripts must not fail."""
    errors: list[str] = []

    def visit(address: str) -> Page:
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        return page

    yield visit
    assert errors == []


def picture(page: Page) -> str:
    """The name of the picture that is shown."""
    source = page.locator("img.picture").get_attribute("src")
    assert source is not None
    return source.removeprefix("images/")


def answer(page: Page, choice: str, mouse: bool) -> None:
    """Gives an answer, and waits until the picture has gone."""
    shown = picture(page)
    if mouse:
        page.get_by_role("button", name=choice).click()
    else:
        page.keyboard.press({"cat": "1", "dog": "2", "ship": "3"}[choice])
    expect(page.locator(f"img[src='images/{shown}']")).to_have_count(0)


def complete(page: Page, study: Study, count: int, wrong: int = 0) -> list[str]:
    """Answers the next `count` pictures, by mouse and keyboard in turn, the first `wrong` wrongly; their names."""
    names = []
    for number in range(count):
        names.append(picture(page))
        label = study.trials[names[-1]].label
        answer(page, WRONG[label] if number < wrong else label, mouse=number % 2 == 0)
    return names


def test_a_subject_with_a_break(opened: Visit, built: Path, tmp_path: Path) -> None:
    study = Study.load(built / "key.json")
    page = opened((built / "page" / "index.html").as_uri() + "?group=2")
    assert page.locator("[name=group]").input_value() == "2"
    assert page.locator("[name=subject]").input_value()
    page.fill("[name=subject]", "S07")
    page.get_by_role("button", name="Go on").click()
    page.keyboard.press("1")
    page.get_by_role("button", name="Start").click()
    before = complete(page, study, 3, wrong=2)
    unanswered = picture(page)
    for key in ("Control+1", "9", "x"):
        page.keyboard.press(key)
    assert picture(page) == unanswered
    expect(page.locator("#jspsych-progressbar-container")).to_contain_text("3 of 6")
    page.screenshot(path=tmp_path / "trial.png")

    page.reload()
    page.get_by_role("button", name="Continue").wait_for()
    page.keyboard.press("Enter")
    assert picture(page) == unanswered
    expect(page.locator("#jspsych-progressbar-container")).to_contain_text("3 of 6")
    after = complete(page, study, 2)
    label = study.trials[picture(page)].label
    after.append(picture(page))
    with page.expect_download() as download:
        answer(page, label, mouse=True)
    assert download.value.suggested_filename == f"{study.id}-group2-S07.json"
    download.value.save_as(tmp_path / "first.json")
    assert sorted(before + after) == study.groups[1]

    page.get_by_text("Thank you").wait_for()
    page.reload()
    with page.expect_download() as download:
        page.get_by_role("button", name="Save the file again").click()
    download.value.save_as(tmp_path / "second.json")
    assert (tmp_path / "second.json").read_bytes() == (tmp_path / "first.json").read_bytes()

    saved = json.loads((tmp_path / "first.json").read_text())
    assert [a["picture"] for a in saved["answers"]] == before + after
    assert all(a["rt"] > 0 for a in saved["answers"])
    words = ["--key", str(built / "key.json"), "--out", str(tmp_path / "figures.json")]
    main(["study", "score", str(tmp_path / "first.json"), *words])
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["subjects"] == [{"subject": "S07", "group": 2, "accuracy": pytest.approx(4 / 6), "kept": True}]


def test_the_order_is_the_subjects_own(opened: Visit, built: Path, server: str) -> None:
    study = Study.load(built / "key.json")
    orders = {}
    for subject, visit in (("a", 1), ("a", 2), ("b", 1)):
        page = opened(f"{server}?group=1&subject={subject}")
        page.get_by_role("button", name="Start").click()
        orders[subject, visit] = complete(page, study, 3)
    assert orders["a", 1] == orders["a", 2]
    assert orders["a", 1] != orders["b", 1]


def test_a_double_click_answers_one_picture(opened: Visit, server: str) -> None:
    page = opened(f"{server}?group=1&subject=d")
    page.get_by_role("button", name="Start").click()
    page.get_by_role("button", name="cat").dblclick()
    expect(page.locator("#jspsych-progressbar-container")).to_contain_text("1 of 6")
    page.wait_for_timeout(500)
    expect(page.locator("#jspsych-progressbar-container")).to_contain_text("1 of 6")


@pytest.mark.parametrize("query", ["", "?group=3&subject=a", "?group=1&subject=%3Cb%3E", "?subject=a&group=x"])
def test_other_addresses_lead_to_the_start(opened: Visit, server: str, query: str) -> None:
    page = opened(server + query)
    expect(page.get_by_role("button", name="Go on")).to_be_visible()
    expect(page.locator("#trials")).to_be_hidden()


def test_jspsych_from_the_cdn(browser: Browser, folder: Path, node_modules: Path, tmp_path: Path) -> None:
    """The browser itself checks npm's files against the page's hashes, and refuses others."""
    build(folder, tmp_path)
    contents = {one.url: (node_modules / one.package / one.file).read_bytes() for one in LIBRARIES}

    def serve(route: Route) -> None:
        kind = "text/css" if route.request.url.endswith(".css") else "text/javascript"
        headers = {"access-control-allow-origin": "*", "content-type": kind}
        route.fulfill(body=contents[route.request.url], headers=headers)

    context = browser.new_context()
    context.route(f"{CDN}/**", serve)
    page = context.new_page()
    page.goto((tmp_path / "page" / "index.html").as_uri() + "?subject=a")
    page.get_by_role("button", name="Start").click()
    assert picture(page) in Study.load(tmp_path / "key.json").trials

    contents[LIBRARIES[1].url] += b" "
    page.reload()
    expect(page.get_by_text("jsPsych, could not be loaded")).to_be_visible()
