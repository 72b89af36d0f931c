"""`reactal validate` as a user meets it: a campaign, a file, a folder of reactions, and what is wrong with any of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.chem.convert import read_structure, to_ase, write_frames
from reactal.cli.validate import MISSED
from reactal.potentials.xtb import XtbPotential
from reactal.runner import Campaign
from reactal.validation.base import Validation
from reactal.validation.kept import ValidationStore
from tests.cli.toy import leps_campaign, reactal

HCN = Path(__file__).parents[2] / "examples" / "reactions" / "hcn"
HCN_BARRIER = 48.0  # kcal/mol, CCSD(T) (DePrince, Mazziotti, J. Phys. Chem. B 112, 16158 (2008))
CHAPTERS = {"accuracy", "barriers", "vibrations", "dynamics", "uncertainty", "efficiency"}
GOALS = ["energies", "forces", "correlation", "strained", "coverage", "barriers", "frequencies", "stability"]


@pytest.mark.slow
def test_a_campaign_is_held_against_what_it_has(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = leps_campaign(tmp_path)
    assert reactal(capfd, "validate", file).code == 2, "there is no model yet"
    with Campaign(file) as driver:
        driver.run()
    out = tmp_path / "found.json"
    answer = reactal(capfd, "validate", file, "--dynamics", 5, "--label", "--refine", "--out", out, "--json")
    assert answer.code == 0, answer.err
    said = answer.json
    assert [outcome["name"] for outcome in said["outcomes"]] == GOALS
    assert all(outcome["why"] for outcome in said["outcomes"])
    assert {table["chapter"] for table in said["tables"]} == CHAPTERS
    found = Validation.unsealed(out.read_bytes().strip(), where="out")
    assert found.as_json() == said
    with Campaign(file) as driver:
        assert driver.state.trained is not None
        (kept,) = ValidationStore(driver.bench.objects, driver.config.name).of(driver.state.trained.model)
        labels = sum(1 for _ in driver.bench.labels.keys(driver.bench.theory.fingerprint))
    assert kept.sha256 == found.sha256
    against = kept.table("exhaustive")
    assert against is not None and against.rows[0][:2] == ("asked for", driver.state.labels_asked)
    assert float(against.rows[1][4] or 0) >= 1.0, "more was explored than labelled"
    if driver.state.tests:  # with a saddle the surface was asked for its curvature there
        frequencies = kept.outcome("frequencies")
        assert frequencies is not None and frequencies.value is not None
        assert labels > 3 * 18, "Hessians of three points of three atoms"
        own = kept.table("refined_barriers")
        assert own is None or all(own.column("refinement"))
    told = reactal(capfd, "validate", file, "--dynamics", 0)
    assert told.code == 0 and "Errors by set" in told.out and "asked: at most 3 meV/atom" in told.out


def labelled_by_xtb(file: Path) -> Frames:
    rng = np.random.default_rng(0)
    end = read_structure(HCN / "reactant.xyz")
    frames = Frames.repeat(end, end.positions + rng.normal(0, 0.05, (8, len(end), 3)))
    said = XtbPotential("gfn2").predict(frames)
    rows = [to_ase(frames.structure(i), energy=said.energy[i], forces=said.forces[frames.atoms(i)]) for i in range(len(frames))]
    from ase.io import write

    write(file, rows)
    return frames


def test_a_method_is_right_about_itself_and_less_so_about_its_elder(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "xtb.extxyz"
    labelled_by_xtb(file)
    same = reactal(capfd, "validate", "gfn2", "--against", file, "--json").json
    other = reactal(capfd, "validate", "gfn1", "--against", file, "--json", "--set", "validation.force=0.001").json
    forces = [next(o for o in said["outcomes"] if o["name"] == "forces") for said in (same, other)]
    assert forces[0]["value"] == pytest.approx(0, abs=1e-3) and forces[0]["verdict"] == "met"
    assert forces[1]["value"] > 1 and forces[1]["verdict"] == "not met"
    assert forces[1]["goal"] == "at most 1 meV/Å"
    limit = ("--set", "validation.force=0.001")
    strict = [reactal(capfd, "validate", model, "--against", file, "--strict", *limit) for model in ("gfn2", "gfn1")]
    assert [answer.code for answer in strict] == [0, MISSED] and "not met" in strict[1].out
    hot = ("--dynamics", 10, "--temperature", 450, "--seeds", 3)
    moved = reactal(capfd, "validate", "gfn2", "--against", file, *hot, "--json").json
    (runs,) = (table["rows"] for table in moved["tables"] if table["name"] == "dynamics")
    assert [row[1] for row in runs] == [450.0] * 3
    assert [outcome["name"] for outcome in moved["outcomes"]][-1] == "stability"
    assert {"energy_drift", "rdf", "vacf"} <= {curve["figure"] for curve in moved["curves"]}
    (tmp_path / "again.extxyz").write_bytes(file.read_bytes())
    both = reactal(capfd, "validate", "gfn2", "--against", file, "--against", tmp_path / "again.extxyz", "--json").json
    (table,) = (table for table in both["tables"] if table["name"] == "accuracy_by_set")
    assert [row[:2] for row in table["rows"]] == [[str(file), 8], [str(tmp_path / "again.extxyz"), 8]]


def test_a_model_of_other_elements_is_a_finding(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    uranium = Structure((92, 1), np.asarray([[0, 0, 0], [0, 0, 2.0]]), multiplicity=2)
    file = tmp_path / "heavy.extxyz"
    from ase.io import write

    write(file, [to_ase(uranium, energy=1.0, forces=np.zeros((2, 3)))])
    answer = reactal(capfd, "validate", "gfn2", "--against", file, "--json")
    assert answer.code == 0 and answer.json["verdict"] == "not testable"
    assert reactal(capfd, "validate", "gfn2", "--against", file, "--strict").code == MISSED, "nothing tested is nothing met"
    assert "U" in answer.json["outcomes"][0]["why"]


def test_a_state_that_the_file_does_not_name_can_be_given(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """OH- and not the radical: without a word its electrons would be odd."""
    file = tmp_path / "oh.extxyz"
    ion = Structure((8, 1), np.asarray([[0, 0, 0], [0, 0, 0.97]]), charge=-1)
    said = XtbPotential("gfn2").predict(Frames.of([ion]))
    lines = ["O 0 0 0 " + " ".join(map(str, said.forces[0])), "H 0 0 0.97 " + " ".join(map(str, said.forces[1]))]
    head = f'Properties=species:S:1:pos:R:3:forces:R:3 energy={said.energy[0]} pbc="F F F"'
    file.write_text("\n".join(["2", head, *lines]) + "\n")
    assert reactal(capfd, "validate", "gfn2", "--against", file).code == 2
    given = reactal(capfd, "validate", "gfn2", "--against", file, "--charge", -1, "--json")
    assert given.code == 0, given.err
    (table,) = (table for table in given.json["tables"] if table["name"] == "accuracy_overall")
    assert table["rows"][0][5] == pytest.approx(0, abs=1e-3)


def suite(folder: Path) -> Path:
    """HCN's isomerisation, the same molecule twice, and elements that the method does not know."""
    hcn, hnc = (read_structure(HCN / f"{end}.xyz") for end in ("reactant", "product"))
    uranium = Structure((92, 1), np.asarray([[0, 0, 0], [0, 0, 2.0]]), multiplicity=2)
    turned = hcn.moved(hcn.positions @ np.asarray([[0, 1.0, 0], [-1, 0, 0], [0, 0, 1]]) + 0.01)
    for name, ends in (
        ("<script>", (hcn, hnc)),
        ("same", (hcn, turned)),
        ("uranium", (uranium, uranium.moved(uranium.positions * 1.2))),
    ):
        (folder / name).mkdir(parents=True)
        for end, structure in zip(("reactant", "product"), ends, strict=True):
            write_frames(folder / name / f"{end}.xyz", Frames.of([structure]))
    rows = (f"<script>,{HCN_BARRIER},0,0,1", "uranium,1,1,0,2")
    (folder / "barriers.csv").write_text("\n".join(["name,forward_kcal,zero_point,charge,multiplicity", *rows]) + "\n")
    return folder


def test_barriers_of_a_folder_are_found_or_said_not_to_be(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = reactal(capfd, "validate", "gfn2", "--against", f"barriers:{suite(tmp_path / 'suite')}", "--json")
    assert answer.code == 0, answer.err
    (table,) = (table for table in answer.json["tables"] if table["name"] == "barriers")
    names = [column["name"] for column in table["columns"]]
    rows = {row[0]: dict(zip(names, row, strict=True)) for row in table["rows"]}
    found = rows["<script>"]
    assert found["found"] == "a barrier" and found["joins ends"] is True and found["negative modes"] == 1
    assert found["forward model"] == pytest.approx(HCN_BARRIER, abs=30.0), "GFN2-xTB is no CCSD(T)"
    assert found["largest error"] == pytest.approx(found["forward model"] - HCN_BARRIER)
    assert rows["same"]["found"] != "a barrier" and rows["uranium"]["found"] != "a barrier"
    assert "U" in rows["uranium"]["found"]
    outcome = answer.json["outcomes"][0]
    assert outcome["name"] == "barriers" and len(outcome["evidence"]) == 2
    assert json.dumps(answer.json)  # all of it plain


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("gfn2",), "--against"),
        (("gfn2", "--against", "x.xyz", "--refine"), "campaign file"),
        (("gfn2", "--against", "barriers:nowhere"), "nowhere"),
        (("gfn2", "--against", "x.xyz", "--seeds", "3"), "--dynamics FS"),
        (("gfn2", "--against", "nothing.xyz"), "nothing"),
        (("nomodel", "--against", "nothing.xyz"), "nomodel"),
        (("gfn2", "--against", "x.xyz", "--set", "validation.forze=1"), "forze"),
        (("gfn2", "--against", "x.xyz", "--set", "force"), "key=value"),
    ],
)
def test_bad_input_is_one_sentence(
    arguments: tuple[str, ...], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = reactal(capfd, "validate", *arguments)
    assert answer.code == 2 and text in answer.err, answer.err
    assert answer.err.count("\n") == 1 and answer.out == ""
