"""`reactal sample`, `routes`, `network`, `discover` on GFN2-xTB: files out, one JSON object, and mistakes in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reactal.chem.convert import read_frames, read_structure
from reactal.config import load_config
from reactal.exploration.species import same_species
from tests.cli.toy import reactal

CYANIDE = "3\n\nH 0 0 -1.06\nC 0 0 0\nN 0 0 1.13\n"
ISOCYANIDE = "3\n\nH 0 0 2.15\nC 0 0 0\nN 0 0 1.15\n"
XTB_BARRIER = 73.2  # kcal/mol


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hcn.xyz").write_text(CYANIDE)
    (tmp_path / "hnc.xyz").write_text(ISOCYANIDE)
    (tmp_path / "both.xyz").write_text(CYANIDE + ISOCYANIDE)
    return tmp_path


def test_samples_of_several_methods_are_in_one_file(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = folder / "made.extxyz"
    options = ("--method", "rattle,strain,modes", "--model", "gfn2", "--count", 6, "--out", out, "--json")
    answer = reactal(capfd, "sample", folder / "hcn.xyz", *options)
    assert answer.code == 0
    assert answer.json["n"] == sum(answer.json["methods"].values()) == len(read_frames(out))
    assert 15 <= answer.json["n"] <= 18  # those whose atoms come too close are left out


def test_routes_are_listed_from_the_lowest(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = folder / "routes.extxyz"
    legs = folder / "legs"
    options = ("--out", out, "--images", 9, "--tries", 1, "--campaigns", legs, "--theory", "hf/sto-3g", "--json")
    given = folder / "hcn.xyz", folder / "hnc.xyz"
    answer = reactal(capfd, "routes", "gfn2", *given, *options)
    assert answer.code == 0
    lowest = answer.json["routes"][0]
    assert lowest["whole"]
    assert lowest["barrier_kcal"] == pytest.approx(XTB_BARRIER, abs=0.3)
    (file,) = (Path(name) for name in answer.json["campaigns"])
    config = load_config(file)
    assert config.theory.theory().name == "hf/sto-3g"
    assert [same_species(*pair) for pair in zip(config.ends, (read_structure(f) for f in given), strict=True)] == [True, True]
    assert len(read_frames(out)) == 9 * sum(route["legs"] for route in answer.json["routes"])


def test_network_is_a_graph_in_a_folder(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = folder / "network"
    answer = reactal(capfd, "network", "gfn2", "--from", folder / "both.xyz", "--out", out, "--rounds", 1, "--json")
    assert answer.code == 0
    assert [len(answer.json[part]) for part in ("nodes", "links")] == [2, 1]
    assert json.loads((out / "network.json").read_text())["links"] == answer.json["links"]
    assert len(read_frames(out / "minima.extxyz")) == 2
    assert len(read_frames(out / "saddles.extxyz")) == 1


MISTAKES = {
    "one end twice": (("routes", "gfn2", "hcn.xyz", "hcn.xyz", "--out", "r.extxyz"), "same geometry"),
    "unknown way of discovery": (("discover", "gfn2", "hcn.xyz", "--method", "shake", "--out", "found"), "force, press, heat"),
    "unknown sampling": (("sample", "hcn.xyz", "--method", "wobble", "--out", "s.extxyz"), "conformers"),
    "no model there": (("network", "nowhere", "--from", "both.xyz", "--out", "network"), "nowhere"),
    "a file where a folder goes": (("network", "gfn2", "--from", "both.xyz", "--out", "hcn.xyz"), "is a file"),
}


@pytest.mark.parametrize("mistake", list(MISTAKES))
def test_mistakes_are_named(
    mistake: str, folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    command, word = MISTAKES[mistake]
    answer = reactal(capfd, *command, "--json")
    assert answer.code == 2
    assert word in answer.json["error"]
