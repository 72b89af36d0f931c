"""The page opens without a network, shows what it was given and nothing else, and is written whole or not at all."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from reactal.errors import InputError
from reactal.report.clouds import MOST_POINTS
from reactal.report.data import BarrierRow, LabelCounts, ParityPoints, PathProfile, ReportData, StageCost, TrackingRef
from reactal.report.figures import path_profile
from reactal.report.html import render, write_report
from reactal.report.shown import Shown, Table

FIGURES = 10


class Page(HTMLParser):
    """Tags, attributes, and visible text, as a browser sees them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self._hidden = False
        self.feed(text)

    def handle_starttag(self, tag, attrs) -> None:
        self._hidden = tag in ("style", "script")
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data) -> None:
        if not self._hidden:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def page(campaign: ReportData) -> str:
    return render(campaign)


def test_nothing_is_fetched(page: str) -> None:
    seen = Page(page)
    assert not {"link", "iframe", "object", "embed", "img", "base", "form", "image"} & set(seen.tags)
    pointing = [(tag, value) for tag, name, value in seen.attributes if name in ("src", "href", "xlink:href", "srcset", "action")]
    assert pointing  # the markers of the figures
    assert all(value.startswith("#") for _, value in pointing)
    assert all(target.startswith("#") for target in re.findall(r"url\(['\"]?([^)]*)", page))
    assert "@import" not in page


def test_one_script_may_run_and_it_is_ours(page: str) -> None:
    """The policy names it by its hash, so that markup that got through would still run nothing."""
    data, script = re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(value for tag, name, value in Page(page).attributes if tag == "meta" and value.startswith("default-src"))
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy and "unsafe-eval" not in policy
    assert "<" not in data and json.loads(data)["names"]


def test_every_figure_is_there_with_units_on_its_axes(page: str) -> None:
    seen = Page(page)
    labels = [value for tag, name, value in seen.attributes if (tag, name) == ("svg", "aria-label")]
    assert len(labels) == len(set(labels)) == FIGURES
    for axis in (
        "force MAE (eV/Å)",
        "labels asked for",
        "model − reference (kcal/mol)",
        "progress along the path (Å)",
        "energy relative to reactant (kcal/mol)",
        "reference (kcal/mol)",
        "model (eV/Å)",
        "disagreement (eV/Å)",
        "largest force error (eV/Å)",
    ):
        assert axis in seen.text, axis
    assert "DejaVu" not in "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))  # the page decides the font


def test_ids_are_unique_so_that_a_figure_never_borrows_from_another(page: str) -> None:
    ids = [value for _, name, value in Page(page).attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for target in re.findall(r"(?:url\(|href=\")#([\w-]+)", page):
        assert target in ids


def test_the_verdict_comes_first_and_the_numbers_are_those_given(page: str, campaign: ReportData) -> None:
    text = Page(page).text
    assert (
        text.index("Verified: hf/6-31g* agrees")
        < text.index("Force error on structures drawn at random")
        < text.index("Path profile")
        < text.index("Rounds")
    )
    for sentence in campaign.evidence:
        assert sentence in text
    for shown in ("13.87", "+0.05", "0.072", "0.031 to 0.068", "95 computed, 3 reused, 1 failed", "3 min 28 s", "−9.80"):
        assert shown in text, shown


def test_json_holds_the_same_figures(campaign: ReportData, tmp_path: Path) -> None:
    _, path = write_report(campaign, tmp_path, shown=())
    found = json.loads(path.read_text())
    assert found.pop("schema") == "report-1"
    wanted = json.loads(json.dumps(dataclasses.asdict(campaign)))
    for rows, name in ((found["iterations"], "barrier_error_kcal"), (found["barriers"], "error_kcal")):
        for row, original in zip(rows, campaign.iterations if name.startswith("b") else campaign.barriers, strict=True):
            assert row.pop(name) == getattr(original, name)
    assert found == wanted


def test_numbers_that_are_not_finite_become_null(tmp_path: Path) -> None:
    data = ReportData("c", "A → B", "hf/6-31g*", "running", stages=(StageCost("seed", float("nan")),), wall_seconds=float("inf"))
    page, numbers = write_report(data, tmp_path)
    found = json.loads(numbers.read_text())
    assert (found["stages"][0]["seconds"], found["wall_seconds"]) == (None, None)
    assert "nan" not in Page(page.read_text()).text


HOSTILE = "</title><script>alert(1)</script>\"'><img src=x onerror=alert(2)> {{ 7 * 7 }} $\\frac$ & <b>"


def test_user_text_is_text_everywhere(campaign: ReportData, page: str) -> None:
    data = dataclasses.replace(
        campaign,
        campaign=HOSTILE,
        reaction=HOSTILE,
        theory=HOSTILE,
        outcome=HOSTILE,
        evidence=(HOSTILE,),
        barriers=(BarrierRow(HOSTILE, 1.0, 1.0, 0.1, 1),),
        path=PathProfile((0.0, 1.0), (0.0, 1.0), (0.1, 0.1), (0.0,), (0.0,), (HOSTILE,)),
        stages=(StageCost(HOSTILE, 1.0, 2),),
        labels=LabelCounts(failures=((HOSTILE, 1),)),
        store=HOSTILE,
        tracking=TrackingRef(HOSTILE, HOSTILE, HOSTILE),
        settings=((HOSTILE, HOSTILE),),
        provenance=((HOSTILE, HOSTILE),),
        structures=tuple(dataclasses.replace(shown, name=HOSTILE, note=HOSTILE) for shown in campaign.structures),
        tables=(Table(HOSTILE, (HOSTILE,), ((HOSTILE,),), HOSTILE),),
    )
    seen = Page(render(data))
    assert "img" not in seen.tags
    assert seen.tags.count("script") == page.count("<script")
    assert seen.tags.count("b") == Page(page).tags.count("b") - 1  # without labels no core time
    assert not [name for _, name, _ in seen.attributes if name.startswith("on")]
    assert "49" not in seen.text.split("Settings")[-1]
    assert seen.text.count("alert(1)") >= 20


@pytest.mark.parametrize("outcome", ["stepwise", "unstable_reference", "second_order", "budget_spent", "halted", "running"])
def test_a_campaign_without_anything_yet_has_a_page(outcome: str) -> None:
    seen = Page(render(ReportData("c", "A → B", "hf/6-31g*", outcome)))
    assert "svg" not in seen.tags
    assert outcome.replace("_", " ") in seen.text
    assert "Verified:" not in seen.text
    assert "None" not in seen.text


def test_a_name_on_the_path_is_written_once(campaign: ReportData) -> None:
    path = dataclasses.replace(campaign.path, names=("end", "rung", "rung", "rung", "end"))
    drawing = path_profile(dataclasses.replace(campaign, path=path))
    assert drawing is not None
    text = Page(drawing.element).text
    assert (text.count("rung"), text.split().count("end")) == (1, 1)


def test_the_same_data_gives_the_same_bytes(campaign: ReportData, page: str) -> None:
    assert render(campaign) == page


def test_many_structures_make_no_huge_page_and_the_page_says_so(campaign: ReportData) -> None:
    times = 40
    many = ParityPoints(
        *(column * times for column in dataclasses.astuple(campaign.trained_on)[:5]), of=2 * times * len(campaign.structures)
    )
    page = render(ReportData("c", "A → B", "t", "running", trained_on=many, structures=campaign.structures))
    assert len(page) < 1_500_000
    assert f"about {MOST_POINTS} are drawn, the worst among them" in Page(page).text
    assert f"Of {many.of} structures trained on, {len(many.energy_reference)} spread evenly were predicted" in Page(page).text


def test_structures_come_back_as_they_were(campaign: ReportData, page: str) -> None:
    """As the page's script reads them."""
    tree = json.loads(re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL)[0])
    values = np.frombuffer(base64.b64decode(tree["positions"]), dtype="<i2") * tree["unit"]
    wanted = np.concatenate([np.asarray(shown.positions) for shown in campaign.structures])
    assert np.abs(values - wanted).max() <= tree["unit"] / 2 + 1e-9 < 0.001
    assert [tuple(tree["kinds"][kind]) for kind in tree["kind"]] == [shown.numbers for shown in campaign.structures]


def test_what_lies_far_apart_is_kept_on_a_coarser_grid(campaign: ReportData) -> None:
    far = (Shown("far", (1, 1), (0.0, 0.0, 0.0, 900.0, 0.0, 0.0)),)
    tree = json.loads(re.findall(r"<script[^>]*>(.*?)</script>", render(ReportData("c", "r", "t", "running", structures=far)))[0])
    values = np.frombuffer(base64.b64decode(tree["positions"]), dtype="<i2") * tree["unit"]
    assert values[3] == pytest.approx(900.0, rel=1e-4)


def test_written_again_it_replaces_the_old_and_leaves_nothing_beside(campaign: ReportData, tmp_path: Path) -> None:
    write_report(ReportData("old", "A → B", "t", "running"), tmp_path / "deep" / "er")
    page, numbers = write_report(campaign, tmp_path / "deep" / "er", shown=())
    assert "sn2-chloride" in page.read_text()
    assert sorted(file.name for file in page.parent.iterdir()) == sorted([page.name, numbers.name])


def test_a_folder_that_cannot_be_written_is_named(campaign: ReportData, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write the report to .*file"):
        write_report(campaign, tmp_path / "file")


def test_a_few_rows_of_many_columns_are_turned_and_long_words_fold(campaign: ReportData) -> None:
    heads = tuple(f"quantity {i} (eV)" for i in range(11))
    wide = Table("Wide", heads, ((*(f"{i}.5" for i in range(10)), "a sentence that is longer than a number"),))
    long = Table("Long", heads, wide.rows * 4)
    text = render(dataclasses.replace(campaign, tables=(wide, long)))
    turned, folded = (part.split("</table>")[0] for part in text.split("<h3>Wide</h3>")[1].split("<h3>Long</h3>"))
    assert turned.count("<tr>") == 11 and "<thead>" not in turned
    assert "<tr><th>quantity 3<small>eV</small></th><td>3.5</td></tr>" in turned
    assert folded.count("<tr>") == 5 and folded.count('<td class="long">') == 4
