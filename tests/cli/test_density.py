"""`reactal density` as a user runs it: learn hydrogen fluoride, predict, evaluate, and what is said of mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from ase.io import read, write

from reactal.cli.main import invoke


def say(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    code = invoke(["density", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def fluorides(file: Path, lengths: np.ndarray) -> Path:
    write(file, [Atoms("FH", positions=[[0, 0, 0], [0.1, 0.0, length]]) for length in lengths])
    return file


@pytest.mark.slow
def test_from_geometries_to_energies_with_their_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen = fluorides(tmp_path / "seen.xyz", np.linspace(0.86, 1.0, 4))
    model, store = tmp_path / "model", str(tmp_path / "store")
    wanted = (
        "--size",
        "tiny",
        "--members",
        "1",
        "--steps",
        "120",
        "--grid-level",
        "0",
        "--vary",
        "0",
        "--hold-out",
        "0.3",
        "--store",
        store,
    )
    code, out, err = say(capsys, "train", str(seen), "--out", str(model), *wanted, "--json")
    assert code == 0, err
    trained = json.loads(out)
    assert (trained["dataset"], trained["rows"], trained["failed"]) == ("seen@1", 4, [])
    assert min(trained["rho_error_held_out"]) < 60

    unseen = tmp_path / "unseen.extxyz"
    write(unseen, [Atoms("FH", positions=[[0, 0, 0], [0.93, 0, 0]]), Atoms("H", positions=[[0, 0, 0]], info={"multiplicity": 2})])
    code, out, _ = say(
        capsys, "predict", str(model), str(unseen), "--out", str(tmp_path / "out.extxyz"), "--limit", "1000", "--json",
        "--cubes", str(tmp_path / "cubes"),
    )  # fmt: skip
    said = json.loads(out)
    assert code == 1, said  # the single atom has an open shell
    assert [row["route"] for row in said["structures"]] == ["one-shot", "none"]
    assert "multiplicity 2" in said["structures"][1]["said"]
    assert said["structures"][0]["homo_lumo_ev"][0] < said["structures"][0]["homo_lumo_ev"][1]
    first = read(tmp_path / "out.extxyz", index=0)
    assert first.get_potential_energy() == pytest.approx(said["structures"][0]["energy_ev"])
    assert len(list((tmp_path / "cubes").iterdir())) == 1

    code, out, err = say(
        capsys, "evaluate", str(model), "seen@1", "--out", str(tmp_path / "eval"), "--store", store, "--no-forces"
    )  # fmt: skip
    assert code == 0, err
    assert "residual density off by" in out
    kept = json.loads((tmp_path / "eval" / "evaluation.json").read_text())
    assert kept["summary"]["cases"] == 4
    assert {file.name for file in (tmp_path / "eval").glob("*.png")} == {"errors.png", "slices.png", "isosurfaces.png"}

    stranger = tmp_path / "stranger.extxyz"
    write(stranger, [Atoms("LiH", positions=[[0, 0, 0], [0, 0, 1.6]])])
    code, out, err = say(capsys, "evaluate", str(model), str(stranger), "--out", str(tmp_path / "other"), "--store", store)
    assert code == 0, err
    assert "HLi: nothing is predicted, the full SCF is run instead: not trained on Li" in out
    assert not list((tmp_path / "other").glob("*.png"))
    code, out, err = say(capsys, "predict", str(model), str(stranger), "--out", str(tmp_path / "by-scf.extxyz"))
    assert code == 0, err
    assert "by the full SCF: not trained on Li" in out

    code, _, err = say(capsys, "train", str(seen), "--out", str(model), *wanted)
    assert (code, "choose another folder" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("train", "nothing@1", "--out", "m", "--store", "memory://empty"), "no data set nothing"),
        (("train", "nothing@x", "--out", "m", "--store", "memory://empty"), "neither a file nor NAME@VERSION"),
        (("train", "nothing", "--out", "m", "--network", "tree", "--store", "memory://empty"), "write one of atoms, points"),
        (("train", "empty.extxyz", "--out", "m", "--store", "memory://empty"), "empty.extxyz"),
        (("train", "water.xyz", "--out", "m", "--functional", "b3lyp", "--store", "memory://empty"), "no LDA or GGA"),
        (("train", "water.xyz", "--out", "m", "--basis", "none", "--store", "memory://empty"), "does not know"),
        (("train", "close.xyz", "--out", "m", "--store", "memory://empty"), "are only 0.20 angstrom apart"),
        (("predict", "missing", "x.xyz", "--out", "o.xyz"), "no density model"),
    ],
)
def test_mistakes_are_told_in_one_sentence(
    words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.extxyz").touch()
    write(tmp_path / "water.xyz", Atoms("OHH", positions=[[0, 0, 0.12], [0, 0.76, -0.47], [0, -0.76, -0.47]]))
    write(tmp_path / "close.xyz", Atoms("FH", positions=[[0, 0, 0], [0, 0, 0.2]]))
    code, _, err = say(capsys, *words)
    assert code in (1, 2)
    assert sentence in err
    assert "Traceback" not in err
