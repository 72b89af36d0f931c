from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.optimize import BFGS

from reactal.chem import Frames
from reactal.chem.convert import to_ase
from reactal.errors import ConfigError, DamagedPotential, ImpossibleMultiplicity, InputError, UnknownElement
from reactal.potentials.base import Potential
from reactal.potentials.batch import chunks
from reactal.potentials.calculator import ReactalCalculator, load_potential
from reactal.potentials.committee import Committee
from reactal.potentials.export import load_committee, read_committee, save_committee, write_committee
from reactal.potentials.references import References
from tests.potentials.surface import METHANOL, WATER, committee_of_random_networks, labelled


@pytest.fixture(scope="module")
def committee() -> Committee:
    return committee_of_random_networks(members=3)


def test_mean_and_spread_are_those_of_the_members(committee: Committee) -> None:
    frames = labelled(METHANOL, WATER, count=7)
    alone = [replace(committee, networks=(network,)).predict(frames) for network in committee.networks]
    energies, forces = np.stack([p.energy for p in alone]), np.stack([p.forces for p in alone])
    together = committee.predict(frames)
    assert together.energy == pytest.approx(energies.mean(axis=0), abs=1e-9)
    assert together.energy_spread == pytest.approx(energies.std(axis=0), abs=1e-9)
    assert together.forces == pytest.approx(forces.mean(axis=0), abs=1e-9)
    deviation = np.linalg.norm(forces - forces.mean(axis=0), axis=2)
    assert together.force_spread == pytest.approx(np.sqrt((deviation**2).mean(axis=0)), abs=1e-9)
    assert all(not p.force_spread.any() and not p.energy_spread.any() for p in alone)
    members = committee.energies_and_forces_members(frames)
    assert members[0] == pytest.approx(energies, abs=1e-9)
    assert members[1] == pytest.approx(forces, abs=1e-9)


def test_labels_are_ignored_and_answers_repeat(committee: Committee) -> None:
    frames = labelled(WATER, count=4)
    bare = Frames.of(list(frames.structures()))
    potential: Potential = committee
    assert np.array_equal(potential.predict(frames).forces, potential.predict(bare).forces)


def test_nothing_asked_nothing_said(committee: Committee) -> None:
    nothing = committee.predict(Frames.of([]))
    assert nothing.energy.shape == (0,)
    assert nothing.forces.shape == (0, 3)


def test_large_work_is_done_in_chunks_with_the_same_result(committee: Committee) -> None:
    frames = labelled(METHANOL, count=300)
    assert len(list(chunks(frames))) > 1
    some = np.array([0, 150, 299])
    assert committee.predict(frames).energy[some] == pytest.approx(committee.predict(frames[some]).energy, abs=1e-9)


def test_saving_and_loading_changes_no_bit(committee: Committee, tmp_path: Path) -> None:
    frames = labelled(METHANOL, WATER, count=5)
    before = committee.predict(frames)
    blobs = save_committee(committee)
    assert blobs == save_committee(load_committee(blobs))
    for again in (load_committee(blobs), read_committee(write_committee(tmp_path / "model", committee))):
        after = again.predict(frames)
        assert np.array_equal(after.energy, before.energy)
        assert np.array_equal(after.forces, before.forces)
        assert dict(again.about) == dict(committee.about)
    index = json.loads(blobs["model.json"])
    assert index["schema"] == "committee-1"
    assert index["elements"] == ["H", "C", "O"]
    assert index["units"] == {"energy": "eV", "length": "angstrom"}


def test_what_is_no_model_is_refused_with_its_name(committee: Committee, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no model in .*elsewhere"):
        read_committee(tmp_path / "elsewhere")
    blobs = save_committee(committee)
    damaged = {
        "lacks member-01": {name: blob for name, blob in blobs.items() if "01" not in name},
        "member-00.*no safetensors": {**blobs, "member-00.safetensors": b"\x80\x04junk"},
        "member-00.*cannot be read": {**blobs, "member-00.safetensors": blobs["member-00.safetensors"][:-64]},
        "no readable model.json": {**blobs, "model.json": b"{"},
        "format committee-99": {**blobs, "model.json": blobs["model.json"].replace(b"committee-1", b"committee-99")},
    }
    for message, broken in damaged.items():
        with pytest.raises(DamagedPotential, match=message):
            load_committee(broken)


def test_members_must_belong_together(committee: Committee) -> None:
    first, second, _ = committee.members()
    with pytest.raises(ConfigError, match="share reference energies"):
        Committee.of([first, replace(second, references=References(((1, 0.0),)))])
    with pytest.raises(ConfigError, match="at least one member"):
        Committee.of([])
    with pytest.raises(ConfigError, match="same architecture"):
        replace(committee, networks=(committee.networks[0], committee_of_random_networks(cutoff=4.0).networks[0]))


def test_ase_relaxes_with_a_loaded_potential(committee: Committee, tmp_path: Path) -> None:
    atoms = to_ase(METHANOL)
    atoms.calc = load_potential(write_committee(tmp_path, committee))
    assert isinstance(atoms.calc, ReactalCalculator)
    start = atoms.get_potential_energy()
    assert start == pytest.approx(committee.predict(Frames.of([METHANOL])).energy[0], abs=1e-9)
    BFGS(atoms, logfile=None).run(fmax=0.05, steps=20)
    assert atoms.get_potential_energy() < start
    assert atoms.calc.results["force_spread"].shape == (6,)
    assert atoms.calc.results["energy_spread"] > 0


def test_plain_atoms_are_taken_for_what_the_potential_was_trained_on(committee: Committee, tmp_path: Path) -> None:
    """A user's atoms name neither charge nor multiplicity; three hydrogen atoms cannot be a singlet."""
    radical = replace(committee, about={"charge": 0, "multiplicity": 2})
    atoms = Atoms("H3", positions=[[0.0, 0.0, 0.0], [0.0, 0.0, 0.9], [0.0, 0.0, 1.8]])
    atoms.calc = load_potential(write_committee(tmp_path, radical))
    assert np.isfinite(atoms.get_potential_energy())
    atoms.info["multiplicity"] = 1
    atoms.calc.reset()
    with pytest.raises(ImpossibleMultiplicity):
        atoms.get_potential_energy()


def test_an_element_it_never_saw_is_refused(committee: Committee) -> None:
    chlorine = replace(WATER, numbers=(8, 1, 17))
    with pytest.raises(UnknownElement, match="nothing of Cl"):
        committee.predict(Frames.of([chlorine]))


def test_float32_is_close_to_float64(committee: Committee) -> None:
    narrow = load_committee(save_committee(committee))
    frames = labelled(METHANOL, count=3)
    narrow = replace(narrow, dtype=torch.float32)
    assert narrow.predict(frames).forces == pytest.approx(committee.predict(frames).forces, abs=1e-4)
