"""Labels in another state than their neighbours are suspected, tried again, and replaced only by a lower one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from reactal.chem import Label, Structure, Theory
from reactal.cli.main import app
from reactal.labeling.base import LabelingResources
from reactal.labeling.continuity import doubts
from reactal.labeling.psi4 import Psi4Labeler
from reactal.store.labels import LabelEntry, LabelStore
from reactal.store.opening import open_store

QUICK = Theory.parse("hf/sto-3g")
STIFFNESS = 30.0  # eV/angstrom^2


def on_a_spring(stretch: float, *, excited: float = 0.0, spin: float | None = None) -> LabelEntry:
    """A diatomic on a parabola, `excited` eV above it."""
    structure = Structure.from_symbols("HF", [[0.0, 0.0, 0.0], [0.0, 0.0, 0.92 + stretch]])
    pull = STIFFNESS * stretch
    forces = np.array([[0.0, 0.0, pull], [0.0, 0.0, -pull]])
    return LabelEntry(structure, Label(structure.key, "any", 0.5 * STIFFNESS * stretch**2 + excited, forces, s_squared=spin))


def test_a_smooth_path_is_not_suspected() -> None:
    assert doubts([on_a_spring(0.03 * number) for number in range(10)]) == []


def test_the_higher_of_two_that_do_not_fit_is_suspected() -> None:
    path = [on_a_spring(0.03 * number, excited=0.4 if number == 4 else 0.0) for number in range(10)]
    (doubt,) = doubts(path)
    assert doubt.entry is path[4]
    assert doubt.neighbour in (path[3], path[5])
    assert doubt.unexplained == pytest.approx(0.4, abs=1e-9)


def test_a_jump_of_the_spin_is_suspected() -> None:
    for at in range(6):
        path = [on_a_spring(0.03 * number, spin=1.7 if number == at else 0.75) for number in range(6)]
        (doubt,) = doubts(path)
        assert doubt.entry is path[at]
        assert doubt.jump == pytest.approx(0.95)
        assert "<S^2> 0.95 apart" in str(doubt)
    assert len(doubts(path[-2:])) == 1, "of two alone the higher"


@pytest.mark.psi4
def test_a_restricted_solution_among_broken_ones_is_told_by_its_spin() -> None:
    """H2 beyond its instability: unrestricted orbitals that follow it, but for one label; its energy is too high as well."""
    bonds = [1.7 + 0.03 * number for number in range(6)]
    path = [Structure.from_symbols("HH", [[0.0, 0.0, 0.0], [0.0, 0.0, bond]]) for bond in bonds]
    followed, as_found = (
        Psi4Labeler(Theory.parse("hf/6-31g", keywords={"reference": "uhf", "stability_analysis": how}))
        for how in ("follow", "none")
    )
    found = [(as_found if number == 3 else followed).compute(structure) for number, structure in enumerate(path)]
    followed.close()
    as_found.close()
    entries = [LabelEntry(structure, label) for structure, label in zip(path, found, strict=True)]
    spins = [label.s_squared for label in found if isinstance(label, Label)]
    assert spins[3] == pytest.approx(0.0, abs=1e-6)
    assert min(spin or 0.0 for number, spin in enumerate(spins) if number != 3) > 0.1
    (doubt,) = doubts(entries)
    assert doubt.entry is entries[3]
    assert doubt.jump > 0.1


def test_what_lies_far_apart_is_not_compared() -> None:
    assert doubts([on_a_spring(0.0), on_a_spring(0.9, excited=5.0)]) == []
    assert doubts([on_a_spring(0.0)]) == []
    assert doubts([]) == []


@pytest.mark.psi4
def test_labels_of_an_upper_state_are_put_right_and_kept(tmp_path: Path) -> None:
    """Two states of C2 cross near 1.5 angstrom; orbitals that are handed on follow the upper one."""
    path = [Structure.from_symbols("CC", [[0.0, 0.0, 0.0], [0.0, 0.0, 1.45 + 0.03 * number]]) for number in range(8)]
    labels = LabelStore(open_store(str(tmp_path)))
    labels.register(QUICK)
    following, fresh = Psi4Labeler(QUICK, LabelingResources(reuse_guess=True)), Psi4Labeler(QUICK)
    lowest = {}
    for number, structure in enumerate(path):
        followed, own = following.compute(structure), fresh.compute(structure)
        assert isinstance(followed, Label) and isinstance(own, Label)
        lowest[structure.key] = min(followed.energy, own.energy)
        labels.put(followed if number < 6 else own, structure)
    following.close()
    fresh.close()
    wrong = [key for key, energy in lowest.items() if labels.get(QUICK.fingerprint, key).energy > energy + 0.5]  # type: ignore[union-attr]
    assert wrong, "the states do not cross here: find others"

    looked = CliRunner().invoke(app, ["labels", "states", "--store", str(tmp_path), "--json"])
    assert looked.exit_code == 1
    suspects = [row["structure"] for row in json.loads(looked.stdout)["theories"][0]["suspects"]]
    assert set(suspects) & set(wrong)

    tried = CliRunner().invoke(app, ["labels", "states", "--store", str(tmp_path), "--retry", "--json"])
    assert tried.exit_code == 0, tried.output
    for key, energy in lowest.items():
        assert labels.get(QUICK.fingerprint, key).energy < energy + 1e-5  # type: ignore[union-attr]
    replaced = list(labels.superseded(QUICK.fingerprint))
    assert {entry.structure.key for entry, _ in replaced} >= set(wrong)
    assert all(why.startswith("wrong_state") for _, why in replaced)
    assert len(list(labels.keys(QUICK.fingerprint))) == len(path)
