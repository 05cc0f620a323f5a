"""The explorer's page: its data, its pixels and its controls in a real browser."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from playwright.sync_api import Browser, Page, expect

from lit_adv.cli import main
from lit_adv.errors import InputError
from lit_adv.explorer.build import explore, read_content
from lit_adv.explorer.cells import Cells, first_averages
from lit_adv.perturbations.perturbation_set import PerturbationSet
from lit_adv.perturbations.rendering import as_bytes, as_shown
from lit_adv.perturbations.showing import Way, picture
from lit_adv.zoo.zoo import Zoo
from tests.helpers import TINY, predict

GROWN = [*TINY, "--growth", "--data.copies", "2"]
INDEX = torch.arange(3)


@pytest.fixture(scope="module")
def runs(zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two runs of the same digits."""
    folders = [tmp_path_factory.mktemp(name) for name in ("gradient", "bim")]
    predict("mnist-nmm-gradient", zoo, folders[0], *GROWN, "--data.sigma", "0.3")
    predict("mnist-nmm-bim", zoo, folders[1], *GROWN, "--model.attack.steps", "2")
    return folders


@pytest.fixture(scope="module")
def html(runs: list[Path], zoo: Zoo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page")
    main(["explore", *map(str, runs), "--out", str(out), "--zoo", str(zoo.path), "--images", "3"])
    return out / "index.html"


@pytest.fixture
def opened(browser: Browser, html: Path) -> Iterator[Callable[..., Page]]:
    """Opens the page; its scripts must not fail, and no request may leave it."""
    errors: list[str] = []
    requests: list[str] = []

    def visit(position: str = "", width: int = 1280) -> Page:
        page = browser.new_context(viewport={"width": width, "height": 800}).new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"file://{html}{position}")
        return page

    yield visit
    assert errors == []
    assert [url for url in requests if not url.startswith(("file://", "data:"))] == []


def pixels(page: Page) -> np.ndarray:
    """The average as it is on the page, `[H, W]`."""
    values = page.evaluate(
        "() => { const c = document.getElementById('average');"
        " return [c.width, c.height, [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]]; }"
    )
    width, height, data = values
    return np.array(data).reshape(height, width, 4)[..., 0]


def test_the_page_says_what_the_sets_hold(html: Path, runs: list[Path]) -> None:
    content = read_content(html)
    assert [run["name"] for run in content["runs"]] == ["NMM Gradient", "NMM BIM"]
    assert [len(content["images"]), content["names"][3]] == [3, "3"]
    for run in content["runs"]:
        assert (run["cells"]["models"], run["cells"]["copies"]) == ([1, 2, 3], [1, 2])
        assert run["figures"].keys() == run["answers"].keys() == {f"{m},{n}" for m in (1, 2, 3) for n in (1, 2)}
        assert len(run["judges"]) == 1
        value, low, high = run["figures"]["3,2"]["recognized"]
        assert low <= value <= high


def test_without_a_zoo_there_is_reliability_alone(runs: list[Path], tmp_path: Path) -> None:
    content = read_content(explore(runs[:1], tmp_path, images=1))
    [run] = content["runs"]
    assert (run["judges"], run["answers"]) == ([], {})
    assert run["figures"]["3,2"].keys() == {"rho"}


def test_wrong_input_is_one_line(runs: list[Path], nmm: Path, zoo: Zoo, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without --growth"):
        explore([nmm], tmp_path)
    with pytest.raises(InputError, match="images is 0"):
        explore(runs, tmp_path, images=0)
    other = tmp_path / "other"
    predict("mnist-nmm-gradient", zoo, other, *GROWN, "--data.per_class", "2")
    with pytest.raises(InputError, match="different images"):
        explore([*runs, other], tmp_path)
    assert not (tmp_path / "index.html").exists()


@pytest.mark.parametrize(("run", "m", "n", "negated"), [(0, 1, 2, 1), (1, 3, 2, 1), (1, 2, 1, 0)])
def test_pixels_are_those_of_the_rendering(opened, runs: list[Path], run: int, m: int, n: int, negated: int) -> None:
    found = PerturbationSet.load(runs[run])
    cells = Cells.of(found, INDEX, first_averages(found, INDEX))
    page = opened(f"#run={run}&image=2&m={m}&n={n}&negated={negated}")
    delta = cells.restored()[m - 1, n - 1, 2:3] * (1 if negated else -1)
    expected = as_bytes(as_shown(delta, cells.mean, cells.std, targeted=False))[0, ..., 0]
    assert np.abs(pixels(page) - expected.astype(int)).max() <= 1  # sums are added in another order


@pytest.mark.parametrize("way", ["percentiles", "agreement"])
def test_other_ways_are_those_of_showing(opened, runs: list[Path], way: str) -> None:
    found = PerturbationSet.load(runs[0])
    page = opened(f"#run=0&image=1&m=3&n=2&way={way}")
    expected = as_bytes(picture(found, torch.tensor([1]), Way(**{way: True})))[0, ..., 0].astype(int)
    away = np.abs(pixels(page) - expected)
    assert away.max() <= 20  # steps of δ, of weights and, at four standard deviations, the cut
    assert away.mean() < 2


def test_agreement_weights_what_the_page_has(opened, runs: list[Path]) -> None:
    found = PerturbationSet.load(runs[0])
    cells = Cells.of(found, INDEX, first_averages(found, INDEX))
    page = opened("#run=0&image=1&m=2&n=2&way=agreement")
    assert cells.weight is not None
    delta = cells.restored()[1, 1, 1:2] * torch.from_numpy(cells.weight[1] / 255)
    expected = as_bytes(as_shown(delta, cells.mean, cells.std, targeted=False))[0, ..., 0].astype(int)
    assert np.abs(pixels(page) - expected).max() <= 1


def test_sliders_move_and_the_address_keeps_the_position(opened) -> None:
    page = opened()
    expect(page.locator("#caption")).to_have_text("NMM Gradient: 3 × 2 = 6 perturbations")
    whole = pixels(page)
    page.locator("#m").fill("0")
    expect(page.locator("#caption")).to_have_text("NMM Gradient: 1 × 2 = 2 perturbations")
    assert (pixels(page) != whole).any()
    page.locator("#n").press("ArrowLeft")
    expect(page.locator("#caption")).to_have_text("NMM Gradient: 1 × 1 = 1 perturbation")
    page.get_by_text("BIM", exact=True).click()
    page.get_by_label("percentiles").check(force=True)
    page.get_by_label("image beside it").uncheck()
    expect(page.locator("#photograph")).to_be_hidden()
    shown, address = pixels(page), page.url
    again = opened(re.sub(r"^[^#]*", "", address))
    assert (pixels(again) == shown).all()
    expect(again.locator("#caption")).to_have_text("NMM BIM: 1 × 1 = 1 perturbation")
    expect(again.locator("#photograph")).to_be_hidden()


def test_keys_and_play(opened) -> None:
    page = opened("#m=1&n=1")
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#caption")).to_have_text("NMM Gradient: 2 × 2 = 4 perturbations")
    page.locator("#play").click()
    expect(page.locator("#play")).to_have_text("Stop")
    expect(page.locator("#caption")).to_have_text("NMM Gradient: 1 × 1 = 1 perturbation")
    expect(page.locator("#caption")).to_have_text("NMM Gradient: 3 × 2 = 6 perturbations")
    expect(page.locator("#play")).to_have_text("Play")


def test_a_narrow_screen_and_a_screen_reader(opened) -> None:
    page = opened(width=400)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.locator("#m").get_attribute("aria-valuetext") == "3 models"
    assert page.get_by_role("img", name=re.compile("average of 6 perturbations for 0")).count() == 1
    assert page.get_by_role("slider", name="models m").count() == 1
    assert page.get_by_role("img", name=re.compile("recognized against the number of models; at 3: ")).count() == 1


def test_a_strange_address_is_the_beginning(opened) -> None:
    page = opened("#run=7&image=-1&m=abc&n=1e9&way=%3Cb%3E")
    expect(page.locator("#caption")).to_have_text("NMM Gradient: 1 × 2 = 2 perturbations")
