"""Figures for papers, cards, and chemiscope's file."""

from __future__ import annotations

import dataclasses
import gzip
import json
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from matplotlib.image import imread

from reactal.errors import InputError
from reactal.report.companions import CHEMISCOPE_NAME, dataset_card, model_card, write_companions
from reactal.report.data import ReportData
from reactal.report.html import pictures
from reactal.report.shown import Chart, Line

NUMBERS = {"type": "array", "items": {"type": "number"}}
WORDS = {"type": "array", "items": {"type": "string"}}
CHEMISCOPE = {  # https://chemiscope.org/docs, "Input file format"
    "type": "object",
    "required": ["meta", "structures", "properties"],
    "properties": {
        "meta": {
            "type": "object",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "description": {"type": "string"}, "authors": WORDS, "references": WORDS},
        },
        "structures": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["size", "names", "x", "y", "z"],
                "properties": {
                    "size": {"type": "integer", "minimum": 1},
                    "names": WORDS,
                    "x": NUMBERS,
                    "y": NUMBERS,
                    "z": NUMBERS,
                },
            },
        },
        "properties": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["target", "values"],
                "properties": {
                    "target": {"enum": ["atom", "structure"]},
                    "values": {"anyOf": [NUMBERS, WORDS]},
                    "units": {"type": "string"},
                    "description": {"type": "string"},
                },
            },
        },
    },
}


@pytest.fixture(scope="module")
def written(campaign: ReportData, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """With the two figures that show most."""
    shown = [picture for picture in pictures(campaign) if picture.drawing.name in ("path", "map")]
    return write_companions(campaign, tmp_path_factory.mktemp("report"), shown)


def test_figures_stand_alone_in_the_colours_of_day(written: dict[str, Path]) -> None:
    assert {name for name in written if name.startswith("figures/")} == {
        f"figures/{name}.{kind}" for name in ("path", "map") for kind in ("svg", "png")
    }
    for name in ("path", "map"):
        text = written[f"figures/{name}.svg"].read_text()
        assert ET.fromstring(text).tag.endswith("svg") and "var(--" not in text
        assert len(set(map(tuple, imread(written[f"figures/{name}.png"])[::7, ::7].reshape(-1, 4)))) > 10  # something is drawn
    assert imread(written["figures/path.png"]).shape[1] == pytest.approx(4.9 * 200, abs=2)


def test_chemiscope_can_read_its_file(campaign: ReportData, written: dict[str, Path]) -> None:
    tree = json.loads(gzip.decompress(written[CHEMISCOPE_NAME].read_bytes()))
    jsonschema.validate(tree, CHEMISCOPE)
    assert campaign.map is not None
    for values in tree["properties"].values():
        assert len(values["values"]) == len(tree["structures"]) == len(campaign.map.x)
        assert len({type(value) for value in values["values"]}) == 1
    for structure, place in zip(tree["structures"], campaign.map.structures, strict=True):
        assert {len(structure[key]) for key in ("names", "x", "y", "z")} == {structure["size"]}
        wanted = np.asarray(campaign.structures[place].positions).reshape(-1, 3).T
        assert np.allclose([structure[axis] for axis in "xyz"], wanted)
    assert {axis["property"] for axis in tree["settings"]["map"].values()} <= set(tree["properties"])


def test_cards_say_what_the_report_says(campaign: ReportData, written: dict[str, Path]) -> None:
    model, dataset = written["model_card.md"].read_text(), written["dataset_card.md"].read_text()
    for said in ("Verified: hf/6-31g\\* agrees", "+0.05 kcal/mol", "0.046 eV/Å (n = 8)", "93 % of 14", "not testable"):
        assert said in model, said
    for said in ("41 structures", "| 0 | 32 |", "95, 3", "1 scf not converged"):
        assert said in dataset, said


def test_what_people_wrote_is_text_in_a_card(campaign: ReportData) -> None:
    hostile = "<script>alert(1)</script>\n# [x](javascript:y) `z` | *"
    data = dataclasses.replace(campaign, campaign=hostile, theory=hostile, evidence=(hostile,), store=hostile)
    for card in (model_card(data), dataset_card(data)):
        assert "<script" not in card and "[x](" not in card
        assert card.count("\n# ") == 1


def test_a_campaign_that_has_only_begun_has_cards_too() -> None:
    data = ReportData("c", "A → B", "hf/6-31g*", "running")
    assert "no verdict yet" in model_card(data) and "None" not in model_card(data) + dataset_card(data)


def test_a_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    chart = Chart("../../out", "t", "x", "y", (Line("l", (0.0, 1.0), (0.0, 1.0)),))
    data = ReportData("c", "A → B", "t", "running", charts=(chart,))
    written = write_companions(data, tmp_path / "report", pictures(data))
    assert all(path.resolve().is_relative_to(tmp_path / "report") for path in written.values())


def test_a_folder_that_cannot_be_written_is_named(campaign: ReportData, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot write figures to .*file"):
        write_companions(campaign, tmp_path / "file", ())
