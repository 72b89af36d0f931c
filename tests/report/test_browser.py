"""What a browser without a network makes of the page: colours, figures, structures in three dimensions, clicks and keys."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from reactal.report.data import ReportData
from reactal.report.html import write_report
from tests.report.browser import Browser, browser

pytestmark = pytest.mark.browser

BY_DAY = {"ground": "f4f5f7", "paper": "ffffff", "model": "0068a8", "truth": "cf5500", "good": "00795a"}
BY_NIGHT = {"ground": "101316", "paper": "191d21", "model": "62b5ee", "truth": "ff9350", "good": "45c79d"}
LEAST = {"ground": 100_000, "paper": 500_000, "model": 2_000, "truth": 1_000, "good": 300}  # pixels
CHLORINE = (0x1F, 0xF0, 0x1F)
SHOWN = """
const canvas = document.querySelector(arguments[0] + ' canvas'), pen = canvas.getContext('2d');
const all = pen.getImageData(0, 0, canvas.width, canvas.height).data;
let drawn = 0, sum = 0;
for (let k = 3; k < all.length; k += 4) if (all[k]) { drawn++; sum += (k % 9973) * all[k - 2]; }
return [drawn, sum, canvas.width * canvas.height];
"""
POINT = """
const figure = document.querySelector(`figure[data-figure="${arguments[0]}"]`), svg = figure.querySelector('svg');
figure.scrollIntoView({block: 'center'});
const spots = JSON.parse(document.getElementById('structures').textContent).spots[arguments[0]], k = arguments[1];
const there = new DOMPoint(spots[1][k], spots[2][k]).matrixTransform(svg.getScreenCTM());
return [there.x, there.y, spots[0][k]];
"""
BOX = "const b = document.querySelector(arguments[0]).getBoundingClientRect(); return [b.left, b.top, b.width, b.height]"
PEEK = "const peek = document.querySelector('.peek'); return peek.hidden ? null : peek.querySelector('[data-name]').textContent"


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("profile")) as one:
        yield one


@pytest.fixture(scope="module")
def page(campaign: ReportData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(campaign, tmp_path_factory.mktemp("report"))[0]


@pytest.fixture
def opened(window: Browser, page: Path) -> Browser:
    """The page as it is first seen on a wide screen by day, with nothing moving by itself."""
    window.resize(1280, 900)
    window.prefer(prefers_color_scheme="light", prefers_reduced_motion="reduce")
    window.open(page)
    return window


@pytest.mark.parametrize(("scheme", "palette"), [("light", BY_DAY), ("dark", BY_NIGHT)])
def test_page_and_figures_take_the_colours_of_the_day(opened: Browser, scheme: str, palette: dict[str, str]) -> None:
    opened.prefer(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    opened.resize(1280, opened.run("return document.documentElement.scrollHeight"))
    pixels = opened.photograph()
    for name, colour in palette.items():
        wanted = [int(colour[i : i + 2], 16) for i in (0, 2, 4)]
        assert (np.abs(pixels - wanted).max(axis=2) <= 2).sum() > LEAST[name], name


def test_a_button_turns_day_into_night(opened: Browser) -> None:
    ground = "return getComputedStyle(document.body).backgroundColor"
    colours = [opened.run(f"document.querySelector('[data-theme-button]').click(); {ground}") for _ in range(3)]
    assert colours == ["rgb(244, 245, 247)", "rgb(16, 19, 22)", "rgb(244, 245, 247)"]


@pytest.mark.parametrize("width", [1280, 390])
def test_it_opens_without_a_network_or_a_complaint_and_fits(opened: Browser, width: int) -> None:
    opened.resize(width, 900)
    opened.run("return location.reload()")
    assert opened.complaints() == []
    assert opened.run("return performance.getEntriesByType('resource').length") == 0
    assert opened.run("return document.documentElement.scrollWidth") <= width
    small = "return [...document.querySelectorAll('figure svg')].map((svg) => svg.getBoundingClientRect().width)"
    figures = opened.run(small)
    assert len(figures) == 10 and min(figures) > 280


def test_structures_are_drawn_and_buttons_change_them(opened: Browser) -> None:
    first, every, whole = opened.run(SHOWN, "[data-stage]")
    assert 0.01 * whole < first < 0.9 * whole
    labels = opened.run("return [...document.querySelectorAll('[data-list] button')].map((button) => button.textContent)")
    assert labels == [
        "reactant",
        "saddle",
        "product",
        "Along the path",
        "Saddle's mode",
        "0.62 eV/Å",
        "0.40 eV/Å",
        "chloromethane",
    ]
    seen = {every}
    for number in range(1, len(labels)):
        opened.run("document.querySelectorAll('[data-list] button')[arguments[0]].click()", number)
        seen.add(opened.run(SHOWN, "[data-stage]")[1])
    assert len(seen) == len(labels) - 1  # the path begins with the reactant
    assert not [line for line in opened.complaints() if line.startswith("SEVERE")]


def test_colours_of_the_elements_reach_the_screen(opened: Browser) -> None:
    opened.run("document.querySelector('[data-stage]').scrollIntoView()")
    pixels = opened.photograph()
    assert (np.abs(pixels - CHLORINE).max(axis=2) < 40).sum() > 300


def test_the_slider_moves_atoms_along_the_path(opened: Browser) -> None:
    opened.run("document.querySelectorAll('[data-list] button')[3].click()")
    before = opened.run(SHOWN, "[data-stage]")
    slide = (
        "const slider = document.querySelector('[data-slider]'); slider.value = 120; slider.dispatchEvent(new Event('input'));"
    )
    text = opened.run(f"{slide} return document.querySelector('[data-stage] [data-text]').textContent")
    assert "image 7 of 13" in text and "kcal/mol" in text
    assert opened.run(SHOWN, "[data-stage]")[1] != before[1]


@pytest.mark.parametrize("figure", ["parity-energy", "parity-force", "map", "uncertainty", "path"])
def test_a_click_on_a_point_shows_its_structure(opened: Browser, campaign: ReportData, figure: str) -> None:
    x, y, owner = opened.run(POINT, figure, 1)
    opened.click(x, y)
    assert opened.run(PEEK) == campaign.structures[owner].name
    drawn, _, whole = opened.run(SHOWN, ".peek")
    assert drawn > 0.005 * whole
    assert opened.run("return document.querySelectorAll('.ring').length") >= 1
    opened.press("\ue00c")  # Escape
    assert opened.run(PEEK) is None


def test_points_are_reached_with_the_keyboard(opened: Browser) -> None:
    opened.run("document.querySelector('figure[data-figure=path] svg').focus()")
    names = []
    for _ in range(3):
        opened.press("\ue014")  # to the right
        names.append(opened.run(PEEK))
    assert None not in names and len(set(names)) >= 2


def test_atoms_that_are_clicked_are_measured_and_the_view_turns(opened: Browser, campaign: ReportData) -> None:
    opened.run("document.querySelector('[data-stage]').scrollIntoView()")
    box = opened.run(
        "const b = document.querySelector('canvas').getBoundingClientRect(); return [b.left, b.top, b.width, b.height]"
    )
    pixels = opened.photograph()[int(box[1]) : int(box[1] + box[3]), int(box[0]) : int(box[0] + box[2])]
    green = np.argwhere(np.abs(pixels - CHLORINE).max(axis=2) < 40)
    for side in (green[:, 1] < box[2] / 2, green[:, 1] > box[2] / 2):  # one chlorine to the left, one to the right
        row, column = np.median(green[side], axis=0)
        opened.click(box[0] + column, box[1] + row)
    ends = np.asarray(campaign.structures[campaign.stationary[0].structure].positions).reshape(-1, 3)[[0, 5]]
    said = opened.run("return document.querySelector('[data-stage] [data-measured]').textContent")
    assert said.endswith(f": {np.linalg.norm(ends[0] - ends[1]):.3f} Å") and said.count("Cl") == 2
    before = opened.run(SHOWN, "[data-stage]")
    opened.press("\ue012")  # to the left
    assert opened.run(SHOWN, "[data-stage]")[1] != before[1]


def test_a_hostile_name_is_text_and_runs_nothing(window: Browser, campaign: ReportData, tmp_path: Path) -> None:
    hostile = "</script><script>window.ran = 1</script><img src=x onerror='window.ran = 2'>"
    shown = tuple(dataclasses.replace(one, name=hostile, note=hostile) for one in campaign.structures)
    data = dataclasses.replace(campaign, campaign=hostile, theory=hostile, evidence=(hostile,), structures=shown)
    window.open(write_report(data, tmp_path, shown=())[0])
    assert window.run("return window.ran === undefined && document.title.startsWith('</script>')")
    assert window.run("return document.querySelector('[data-stage] [data-name]').textContent").startswith(hostile)
    assert not [line for line in window.complaints() if line.startswith("SEVERE")]


def test_a_campaign_without_structures_has_no_empty_viewer(window: Browser, tmp_path: Path) -> None:
    window.open(write_report(ReportData("c", "A → B", "hf/6-31g*", "running"), tmp_path)[0])
    assert window.run("return document.querySelector('canvas')") is None
    assert window.complaints() == []
