"""Guesses learned from every finished label of a molecule: fewer iterations, the same numbers, shared through the store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Label, Structure, Theory
from reactal.labeling.base import LabelingResources
from reactal.labeling.pool import LocalLabelPool
from reactal.labeling.psi4 import Psi4Labeler
from reactal.store.labels import LabelStore
from reactal.store.local import LocalStore
from reactal.store.opening import open_store
from reactal.store.orbitals import OrbitalStore
from reactal.units import HARTREE
from tests.labeling.molecules import hydroxyl, water

SAME = 1e-8 * HARTREE  # eV
FORCE_AGREES = 1e-5  # eV/angstrom
ALREADY_THERE = 3  # iterations from orbitals that are those of the geometry itself, of single precision
QUICK = Theory.parse("hf/sto-3g")

pytestmark = pytest.mark.psi4


def learner(theory: Theory = QUICK, store: OrbitalStore | None = None) -> Psi4Labeler:
    labeler = Psi4Labeler(theory, LabelingResources(reuse_guess="learned"))
    if store is not None:
        labeler.learn_from(store)
    return labeler


def labels(structures: list[Structure], labeler: Psi4Labeler) -> list[Label]:
    answers = [labeler.compute(structure) for structure in structures]
    labeler.close()
    assert all(isinstance(answer, Label) for answer in answers)
    return answers  # type: ignore[return-value]


def fresh(structures: list[Structure], theory: Theory) -> list[Label]:
    return labels(structures, Psi4Labeler(theory))


def rungs_of(label: Label) -> list[str]:
    return [dict(attempt.settings)["rung"] for attempt in label.attempts]


def total(some: list[Label]) -> int:
    return sum(label.scf_iterations or 0 for label in some)


def agree(some: list[Label], others: list[Label]) -> None:
    for one, other in zip(some, others, strict=True):
        assert other.energy == pytest.approx(one.energy, abs=SAME)
        assert np.abs(other.forces - one.forces).max() < FORCE_AGREES
        assert (other.s_squared or 0.0) == pytest.approx(one.s_squared or 0.0, abs=1e-5)


@pytest.mark.parametrize("basis", ["6-31g*", "cc-pvtz"], ids=["cartesian d", "harmonic d and f"])
def test_a_molecule_that_is_turned_mirrored_and_numbered_otherwise_is_known(basis: str) -> None:
    theory, one = Theory.parse(f"hf/{basis}"), water(0.05)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    turned = one.moved(one.positions @ turn.T)
    swapped = Structure.from_symbols("HOH", (one.positions @ (-turn).T)[[2, 0, 1]])
    found = labels([one, turned, swapped.moved(swapped.positions * 1.0001)], learner(theory))
    assert rungs_of(found[1]) == ["learned_guess"] and (found[1].scf_iterations or 99) <= ALREADY_THERE
    assert found[1].energy == pytest.approx(found[0].energy, abs=SAME)
    assert rungs_of(found[2]) == ["default"], "a process keeps molecules by the order of their atoms; the store does not"


def test_fewer_iterations_the_more_is_known_and_the_same_labels() -> None:
    theory, noise = Theory.parse("hf/6-31g*"), np.random.default_rng(0)
    path = [water().moved(water().positions + noise.normal(0.0, 0.05, (3, 3))) for _ in range(30)]
    one, other = fresh(path, theory), labels(path, learner(theory))
    agree(one, other)
    assert [rungs_of(label)[0] for label in other] == ["default"] + ["learned_guess"] * 29
    assert total(other[1:]) < 0.75 * total(one[1:])
    assert total(other[20:]) < 0.6 * total(one[20:])


def test_both_spins_of_an_open_shell_are_learned() -> None:
    path = [hydroxyl(0.9 + 0.02 * number) for number in range(8)]
    theory = Theory.parse("hf/6-31g")
    one, other = fresh(path, theory), labels(path, learner(theory))
    agree(one, other)
    assert {rungs_of(label)[0] for label in other[1:]} == {"learned_guess"}
    assert total(other[1:]) < 0.75 * total(one[1:])


def test_restricted_open_shells_are_left_to_their_neighbours() -> None:
    theory = QUICK.with_keywords(reference="rohf")
    found = labels([hydroxyl(0.95), hydroxyl(0.97)], learner(theory))
    assert [rungs_of(label) for label in found] == [["default"], ["nearby_guess"]]


def test_others_learn_from_the_store_whatever_order_their_atoms_have(tmp_path: Path) -> None:
    path, store = [water(0.02 * number) for number in range(4)], LabelStore(open_store(str(tmp_path)))
    pool = LocalLabelPool(store, QUICK, LabelingResources(slots=1, reuse_guess="learned"))
    assert len(list(pool.label(path))) == len(path)
    pool.close()
    assert 2 <= len(list((tmp_path / "orbitals" / QUICK.fingerprint).rglob("*-*"))) <= len(path), "those that were a surprise"
    others = [Structure.from_symbols("HOH", water(0.01 + 0.02 * number).positions[[1, 0, 2]]) for number in range(3)]
    one, other = fresh(others, QUICK), labels(others, learner(store=store.orbitals()))
    assert [rungs_of(label) for label in other] == [["learned_guess"]] * 3, "the first, too"
    agree(one, other)
    ion = Structure.from_symbols("OHH", water().positions, charge=1, multiplicity=2)
    assert rungs_of(labels([ion], learner(store=store.orbitals()))[0]) == ["default"]
    assert rungs_of(labels([water()], learner(Theory.parse("hf/3-21g"), store.orbitals()))[0]) == ["default"]


def test_orbitals_that_are_damaged_or_of_another_program_cost_nothing(tmp_path: Path) -> None:
    store = OrbitalStore(LocalStore(tmp_path))
    (expected,) = labels([water()], learner(store=store))
    (file,) = [path for path in tmp_path.rglob("*-*") if path.is_file()]
    molecule, data = file.parent.name, file.read_bytes()
    file.write_bytes(data[:-8])
    for number, broken in enumerate((data.replace(b'"psi4 ', b'"psi9 '), data.replace(b'"energy"', b'"enorgy"'), b"\x80pickle")):
        store.put(QUICK.fingerprint, molecule, broken, surprise=0.1 * number, known=[])
    (found,) = labels([water(0.01)], learner(store=store))
    assert rungs_of(found) == ["default"]
    assert rungs_of(labels([water(0.02)], learner(store=store))[0]) == ["learned_guess"], (
        "from the label before, which was left there"
    )
    assert expected.energy != found.energy


def test_orbitals_that_say_they_are_of_this_basis_and_are_not_are_found_out(tmp_path: Path) -> None:
    other, store = Theory.parse("hf/3-21g"), OrbitalStore(LocalStore(tmp_path))
    labels([water()], learner(other, store))
    (file,) = [path for path in tmp_path.rglob("*-*") if path.is_file()]
    lie = file.read_bytes().replace(b'"basis": "3-21g"', b'"basis": "sto-3g"')
    store.put(QUICK.fingerprint, file.parent.name, lie, surprise=1.0, known=[])
    path = [water(0.01), water(0.02)]
    found = labels(path, learner(store=store))
    agree(fresh(path, QUICK), found)
    assert [rungs_of(label) for label in found] == [["learned_guess", "default"], ["learned_guess"]]
    assert found[0].attempts[0].outcome == "crashed"


def test_a_lower_state_clears_what_was_left_of_the_upper_one(tmp_path: Path) -> None:
    """Two states of C2 cross near 1.5 angstrom; what is learned below follows the upper one."""
    path = [Structure.from_symbols("CC", [[0.0, 0.0, 0.0], [0.0, 0.0, 1.45 + 0.03 * number]]) for number in range(12)]
    store = LabelStore(open_store(str(tmp_path)))
    pool = LocalLabelPool(store, QUICK, LabelingResources(slots=1, reuse_guess="learned"))
    found = {outcome.index: outcome.answer for outcome in pool.label(path)}
    pool.close()
    lowest = fresh(path, QUICK)
    excess = [found[number].energy - lowest[number].energy for number in range(12)]  # type: ignore[union-attr]
    assert max(excess[1:10]) > 1.0, "the states do not cross here: find others"
    assert max(excess[10:]) < SAME, "compared, and put right"
    (after,) = labels([path[11].moved(path[11].positions * 1.01)], learner(store=store.orbitals()))
    assert after.energy == pytest.approx(fresh([path[11].moved(path[11].positions * 1.01)], QUICK)[0].energy, abs=SAME)
