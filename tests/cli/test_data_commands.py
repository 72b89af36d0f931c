"""label -> dataset -> train -> predict: what one command writes, the next one reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.cli.toy import Answer, reactal

TRIO = "3\n\nH 0 0 0\nH 0 0 {middle:.4f}\nH 0 0 2.0\n"
FRAMES = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    middles = np.linspace(0.75, 1.25, FRAMES)
    (folder / "path.xyz").write_text("".join(TRIO.format(middle=middle) for middle in middles))
    return folder


def label(capfd: pytest.CaptureFixture[str], folder: Path, *more: object) -> Answer:
    options = ("--theory", "leps/none", "--program", "ase", "--multiplicity", 2, "--store", folder / "store")
    return reactal(capfd, "label", folder / "path.xyz", "--out", folder / "labelled.extxyz", *options, *more)


def test_labels_are_bought_once(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    first = label(capfd, folder, "--json").json
    assert (first["computed"], first["reused"], first["failed"]) == (FRAMES, 0, [])
    again = label(capfd, folder, "--json").json
    assert (again["computed"], again["reused"]) == (0, FRAMES)


def test_labels_are_those_of_the_surface(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from reactal.chem.convert import read_frames
    from reactal.labeling.leps import leps

    label(capfd, folder)
    labelled = read_frames(folder / "labelled.extxyz")
    assert labelled.labelled.all() and (labelled.multiplicity == 2).all()
    energy, forces = leps(labelled.positions[labelled.atoms(7)])
    assert labelled.energy[7] == pytest.approx(energy, abs=1e-7)
    np.testing.assert_allclose(labelled.forces[labelled.atoms(7)], forces, atol=1e-7)


def test_failed_labels_are_named_and_the_rest_is_kept(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    mixed = folder / "mixed.xyz"
    mixed.write_text(TRIO.format(middle=0.9) + "3\n\nHe 0 0 0\nH 0 0 0.9\nH 0 0 2.0\n")
    options = ("--theory", "leps/none", "--program", "ase", "--store", folder / "store", "--json")
    answer = reactal(capfd, "label", mixed, "--out", folder / "mixed.extxyz", "--multiplicity", 2, *options)
    assert answer.code == 2 and "geometry 2" in answer.err, "helium makes the electrons even"
    mixed.write_text(TRIO.format(middle=0.9) + "3\n\nLi 0 0 0\nH 0 0 1.6\nH 0 0 3.0\n")
    answer = reactal(capfd, "label", mixed, "--out", folder / "mixed.extxyz", "--multiplicity", 2, *options)
    assert answer.code == 1
    ((failure,),) = (answer.json["failed"],)
    assert (failure["index"], failure["kind"]) == (1, "invalid_input")


def test_output_that_cannot_be_written_is_found_first(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = reactal(
        capfd, "label", folder / "path.xyz", "--theory", "hf/sto-3g", "--multiplicity", 2, "--out", folder / "no" / "where.xyz"
    )
    assert answer.code == 2 and "no folder" in answer.err


def test_unknown_theory_of_label(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = label(capfd, folder, "--theory", "lepz/none")
    assert answer.code == 2 and "leps/none" in answer.err


def test_dataset_commands(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    label(capfd, folder)
    at = ("--store", folder / "sets", "--json")
    assert reactal(capfd, "dataset", "ls", *at).json == {"datasets": []}
    assert reactal(capfd, "dataset", "import", folder / "labelled.extxyz", "trio", *at).json["rows"] == FRAMES
    more = reactal(capfd, "dataset", "import", folder / "path.xyz", "trio", "--append", "--multiplicity", 2, *at).json
    assert more == {"name": "trio", "version": 2, "rows": 2 * FRAMES}
    (listed,) = reactal(capfd, "dataset", "ls", *at).json["datasets"]
    assert (listed["name"], listed["version"]) == ("trio", 2)
    shown = reactal(capfd, "dataset", "show", "trio@2", *at).json
    assert (shown["rows"], shown["parent"], shown["versions"]) == (2 * FRAMES, 1, [1, 2])
    assert shown["quality"]["flagged"]["any"] == 0 and "net force" in shown["quality"]["rule"]
    diff = reactal(capfd, "dataset", "diff", "trio@1", "trio@2", *at).json
    assert diff["only_first"] == []
    exported = folder / "exported.extxyz"
    assert reactal(capfd, "dataset", "export", "trio@1", "--out", exported, *at).json["rows"] == FRAMES
    assert reactal(capfd, "dataset", "import", exported, "copy", *at).json["rows"] == FRAMES
    same = reactal(capfd, "dataset", "diff", "trio@1", "copy", *at).json
    assert (same["only_first"], same["only_second"], same["relabelled"]) == ([], [], [])
    assert reactal(capfd, "dataset", "verify", *at).json["ok"] is True
    for text in (reactal(capfd, "dataset", *words, "--store", folder / "sets").out for words in (["ls"], ["show", "trio"])):
        assert "trio" in text


def test_damage_is_named(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    label(capfd, folder)
    at = ("--store", folder / "damaged", "--json")
    reactal(capfd, "dataset", "import", folder / "labelled.extxyz", "trio", *at)
    (shard,) = (folder / "damaged").rglob("*.parquet")
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    answer = reactal(capfd, "dataset", "verify", "trio", *at)
    assert answer.code == 1
    assert shard.name in answer.json["problems"][0]["key"]


@pytest.mark.parametrize(
    ("arguments", "words"), [(["show", "none"], "no data set none"), (["show", "trio@x"], "NAME@3")], ids=["name", "version"]
)
def test_data_set_that_is_not_there(arguments: list[str], words: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = reactal(capfd, "dataset", *arguments, "--store", tmp_path / "store")
    assert answer.code in (1, 2) and answer.err.count("\n") == 1
    assert words in answer.err


@pytest.fixture(scope="module")
def model(folder: Path) -> Path:
    """A committee trained from the command line on labels of the surface."""
    from reactal.cli.main import invoke

    store, labelled, model = folder / "store", folder / "labelled.extxyz", folder / "model"
    theory = ["--theory", "leps/none", "--program", "ase", "--multiplicity", "2"]
    assert invoke(["label", str(folder / "path.xyz"), "--out", str(labelled), "--store", str(store), *theory]) == 0
    assert invoke(["train", str(labelled), "--out", str(model), "--members", "2", "--steps", "80", "--hold-out", "0.25"]) == 0
    return model


@pytest.mark.slow
def test_trained_model_tells_what_it_knows(model: Path, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from reactal.chem.convert import read_frames

    out = folder / "predicted.extxyz"
    answer = reactal(capfd, "predict", model, folder / "path.xyz", "--multiplicity", 2, "--out", out, "--json")
    said = answer.json
    assert said["n"] == FRAMES and said["trust"]["factor"] is not None
    assert len(said["outside"]) == said["inside"].count(False)
    predicted = read_frames(out)
    np.testing.assert_allclose(predicted.energy, said["energy_ev"], atol=1e-6)
    bounds, spread = np.asarray(said["force_error_bound"]), np.asarray(said["disagreement"])
    np.testing.assert_allclose(bounds, said["trust"]["factor"] * spread)


@pytest.mark.slow
def test_strict_limit_leaves_less_inside(model: Path, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def outside(limit: float) -> int:
        options = ("--multiplicity", 2, "--out", folder / "p.extxyz", "--force-error", limit, "--json")
        return len(reactal(capfd, "predict", model, folder / "path.xyz", *options).json["outside"])

    assert outside(1e-9) == FRAMES
    assert outside(1e9) == 0


@pytest.mark.slow
def test_model_is_not_overwritten(model: Path, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = reactal(capfd, "train", folder / "labelled.extxyz", "--out", model)
    assert answer.code == 2 and "already" in answer.err


def test_training_needs_labels(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bare = folder / "bare.xyz"
    bare.write_text("2\n\nH 0 0 0\nH 0 0 0.75\n")
    answer = reactal(capfd, "train", bare, "--out", folder / "nothing")
    assert answer.code == 2 and "reactal label" in answer.err
    assert not (folder / "nothing").exists()
