"""Files of labelled frames: what is written comes back, in the units that are said, whatever the suffix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Frames, Label, Structure
from reactal.chem.files import LABELLED, check_output, read_any, write_labelled
from reactal.errors import ImpossibleMultiplicity, InputError

WATER = [[0.0, 0.0, 0.1173], [0.0, 0.7572, -0.4692], [0.0, -0.7572, -0.4692]]
TEXT_DIGITS = 1e-7  # angstrom, eV, eV/angstrom: what extended XYZ keeps


def labelled(*, periodic: bool = False) -> Frames:
    """Three molecules in different states, two of water with a methyl cation between them; the last without a label."""
    cell = {"cell": np.diag([9.0, 8.0, 7.0]), "pbc": (True, True, True)} if periodic else {}
    hydroxyl = Structure.from_symbols("OH", [[0.0, 0.0, 0.0], [0.0, 0.0, 0.97]], multiplicity=2, **cell)
    ion = Structure.from_symbols("OH", [[0.0, 0.0, 0.0], [0.0, 0.0, 0.96]], charge=-1, **cell)
    structures = [hydroxyl, Structure.from_symbols("OHH", WATER, **cell), ion, hydroxyl.moved(hydroxyl.positions * 1.01)]
    random = np.random.default_rng(3)
    labels = [Label(s.key, "t", -2000.123456789 - i, random.normal(size=(len(s), 3))) for i, s in enumerate(structures[:3])]
    return Frames.of(structures, [*labels, None], weight=[1.0, 0.5, 0.25, 1.0], source=["a", "", "c", "d"])


@pytest.mark.parametrize("periodic", [False, True], ids=["molecules", "cells"])
@pytest.mark.parametrize("suffix", LABELLED)
def test_labels_come_back(suffix: str, periodic: bool, tmp_path: Path) -> None:
    frames, file = labelled(periodic=periodic), tmp_path / f"out{suffix}"
    for _ in range(2):  # the second time in place of the first
        write_labelled(file, frames)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    found = read_any(file)
    expected = frames[frames.labelled] if suffix in (".npy", ".deepmd") else frames
    tolerance = TEXT_DIGITS if suffix in (".xyz", ".extxyz") else 0.0
    assert [s.formula for s in found.structures()] == [s.formula for s in expected.structures()]
    assert found.charge.tolist() == expected.charge.tolist()
    assert found.multiplicity.tolist() == expected.multiplicity.tolist()
    np.testing.assert_allclose(found.positions, expected.positions, atol=tolerance, rtol=0)
    np.testing.assert_allclose(found.energy, expected.energy, atol=tolerance, rtol=0)
    np.testing.assert_allclose(found.forces, expected.forces, atol=tolerance, rtol=0)
    if periodic:
        np.testing.assert_allclose(found.cell, expected.cell)
        assert found.pbc is not None and found.pbc.all()
    else:
        assert found.cell is None


@pytest.mark.parametrize("suffix", [".h5", ".parquet"])
def test_columns_keep_what_else_there_is(suffix: str, tmp_path: Path) -> None:
    write_labelled(tmp_path / f"out{suffix}", labelled())
    found = read_any(tmp_path / f"out{suffix}")
    assert found.extra["weight"].tolist() == [1.0, 0.5, 0.25, 1.0]
    assert found.extra["source"].tolist() == ["a", "", "c", "d"]


def test_hdf5_says_its_units_and_layout(tmp_path: Path) -> None:
    import h5py

    frames = labelled()
    write_labelled(tmp_path / "out.h5", frames)
    with h5py.File(tmp_path / "out.h5") as file:
        assert file.attrs["units"] == "angstrom, eV, eV/angstrom"
        np.testing.assert_array_equal(file["forces"][file["offsets"][1] : file["offsets"][2]], frames.forces[frames.atoms(1)])


def test_deepmd_systems_are_as_deepmd_kit_documents_them(tmp_path: Path) -> None:
    frames = labelled()
    write_labelled(tmp_path / "out.npy", frames)
    systems = sorted(path for path in (tmp_path / "out.npy").iterdir() if path.is_dir())
    assert len(systems) == 3, "one radical, one water, one ion"
    (water,) = [system for system in systems if system.name.endswith("H2O")]
    names, kinds = (water / "type_map.raw").read_text().split(), (water / "type.raw").read_text().split()
    assert [names[int(kind)] for kind in kinds] == ["O", "H", "H"]
    assert (water / "nopbc").exists()
    assert np.load(water / "set.000" / "coord.npy").shape == (1, 9)
    np.testing.assert_array_equal(np.load(water / "set.000" / "energy.npy"), [frames.energy[1]])
    np.testing.assert_array_equal(np.load(water / "set.000" / "force.npy").reshape(3, 3), frames.forces[frames.atoms(1)])


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "mine.npy"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years")
    with pytest.raises(InputError, match="something else"):
        write_labelled(folder, labelled())
    assert (folder / "thesis.txt").read_text() == "years"


@pytest.mark.parametrize(
    ("name", "words"), [("out.cif", "keeps no labels"), ("no/out.h5", "no folder"), ("out", "suffix")], ids=str
)
def test_an_output_that_cannot_be_is_found_before_the_work(name: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        check_output(tmp_path / name)


@pytest.mark.parametrize("suffix", [".h5", ".hdf5", ".parquet", ".db"])
def test_a_broken_file_is_named(suffix: str, tmp_path: Path) -> None:
    file = tmp_path / f"broken{suffix}"
    file.write_bytes(b"not what it says")
    with pytest.raises(InputError, match="broken"):
        read_any(file)


def test_a_broken_deepmd_folder_is_named(tmp_path: Path) -> None:
    write_labelled(tmp_path / "out.npy", labelled())
    for energies in (tmp_path / "out.npy").rglob("force.npy"):
        energies.write_bytes(b"half")
    with pytest.raises(InputError, match=r"out\.npy cannot be read"):
        read_any(tmp_path / "out.npy")


def test_states_are_checked_in_every_format(tmp_path: Path) -> None:
    from reactal.chem.states import StateRules

    write_labelled(tmp_path / "out.parquet", labelled())
    with pytest.raises(ImpossibleMultiplicity, match=r"out\.parquet, geometry 1"):
        read_any(tmp_path / "out.parquet", StateRules(multiplicity=1))


def test_words_of_a_text_file_are_kept_when_they_are_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "told.extxyz"
    write_labelled(file, labelled())
    assert read_any(file, columns=("source", "no such word")).extra["source"].tolist() == ["a", "", "c", "d"]
    assert list(read_any(file, columns=("source", "no such word")).extra) == ["source"]
    assert "source" not in read_any(file).extra
