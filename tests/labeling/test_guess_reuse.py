"""Orbitals of a geometry nearby as the guess: fewer iterations, the same numbers, and a state that is compared."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Label, Structure, Theory
from reactal.labeling.base import LabelingResources
from reactal.labeling.execution_log import EXECUTION_LOG
from reactal.labeling.pool import LocalLabelPool
from reactal.labeling.psi4 import Psi4Labeler
from reactal.labeling.psi4_worker.neighbours import SAMPLE, UNEXPLAINED, is_another_state
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from reactal.units import HARTREE
from tests.labeling.molecules import hydroxyl, water
from tests.labeling.watching import executions

SAME = 1e-7 * HARTREE  # eV
FORCE_AGREES = 1e-5  # eV/angstrom
SAVED = 0.25
QUICK = Theory.parse("hf/sto-3g")


def labels(structures: list[Structure], theory: Theory, *, reuse: bool = True, **more: str) -> list[Label]:
    labeler = Psi4Labeler(theory, LabelingResources(reuse_guess=reuse, **more))  # type: ignore[arg-type]
    answers = [labeler.compute(structure) for structure in structures]
    labeler.close()
    assert all(isinstance(answer, Label) for answer in answers)
    return answers  # type: ignore[return-value]


def rungs_of(label: Label) -> list[str]:
    return [dict(attempt.settings)["rung"] for attempt in label.attempts]


@pytest.mark.psi4
@pytest.mark.parametrize(
    ("path", "theory"),
    [
        ([water(0.06 * number) for number in range(6)], Theory.parse("hf/6-31g*")),
        ([hydroxyl(0.9 + 0.05 * number) for number in range(6)], Theory.parse("hf/6-31g")),
    ],
    ids=["closed shell", "open shell"],
)
def test_fewer_iterations_along_a_path_and_the_same_labels(path: list[Structure], theory: Theory) -> None:
    fresh, reused = labels(path, theory, reuse=False), labels(path, theory)
    assert [rungs_of(label) for label in reused] == [["default"]] + [["nearby_guess"]] * (len(path) - 1)
    for one, other in zip(fresh, reused, strict=True):
        assert other.energy == pytest.approx(one.energy, abs=SAME)
        assert np.abs(other.forces - one.forces).max() < FORCE_AGREES
    iterations = [sum(label.scf_iterations or 0 for label in some[1:]) for some in (fresh, reused)]
    assert iterations[1] < (1 - SAVED) * iterations[0]


@pytest.mark.psi4
def test_only_the_same_molecule_nearby_is_taken(tmp_path: Path) -> None:
    near, far = water(0.1), water(1.5)
    turned = near.moved(near.positions[:, [1, 2, 0]])
    ion = Structure.from_symbols("OHH", near.positions, charge=1, multiplicity=2)
    atom = Structure.from_symbols("O", [[0.0, 0.0, 0.0]], multiplicity=3)
    found = labels([water(), far, turned, ion, atom, atom, near], QUICK, scratch=str(tmp_path))
    assert [rungs_of(label)[0] for label in found] == ["default"] * 6 + ["nearby_guess"]
    assert list(tmp_path.iterdir()) == []
    chosen = labels([water(), near], QUICK.with_keywords(guess="core"))
    assert [rungs_of(label) for label in chosen] == [["default"], ["default"]], "the theory's own guess is kept to"


@pytest.mark.psi4
def test_a_state_that_is_no_longer_the_lowest_is_left_at_the_next_comparison(tmp_path: Path) -> None:
    """Two states of C2 cross near 1.5 angstrom; its orbitals follow the upper one. The label after the one that is compared is
    answered before, from the same orbitals."""
    path = [Structure.from_symbols("CC", [[0.0, 0.0, 0.0], [0.0, 0.0, 1.45 + 0.03 * number]]) for number in range(SAMPLE + 2)]
    fresh, store = labels(path, QUICK, reuse=False), LabelStore(open_store(str(tmp_path)))
    pool = LocalLabelPool(store, QUICK, LabelingResources(slots=1, reuse_guess=True))
    found = {outcome.index: outcome.answer for outcome in pool.label(path)}
    pool.close()
    reused = [found[number] for number in range(len(path))]
    assert all(isinstance(label, Label) for label in reused)
    excess = np.array([other.energy - one.energy for one, other in zip(fresh, reused, strict=True)])  # type: ignore[union-attr]
    assert excess[1:SAMPLE].max() > 1.0, "the states do not cross here: find others"
    assert excess[SAMPLE:].max() < SAME
    assert [rungs_of(label) for label in reused[SAMPLE:]] == [["nearby_guess", "default"]] * 2  # type: ignore[arg-type]
    put_right = {entry.structure.key: why for entry, why in store.superseded(QUICK.fingerprint)}
    assert set(put_right) == {structure.key for structure in path[SAMPLE:]}
    assert all(why.startswith("wrong_state: a fresh guess") for why in put_right.values())
    kept = [store.get(QUICK.fingerprint, structure.key) for structure in path[SAMPLE:]]
    assert [label.as_json() for label in kept if label] == [label.as_json() for label in reused[SAMPLE:]]


@pytest.mark.psi4
def test_a_label_that_is_compared_takes_no_longer_than_others(tmp_path: Path) -> None:
    """What the comparison costs is no part of it, and it is handed out once it has passed."""
    path = [water(0.004 * number) for number in range(2 * SAMPLE)]
    log, store = tmp_path / "log", LabelStore(open_store(str(tmp_path / "store")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(EXECUTION_LOG, str(log))
        pool = LocalLabelPool(store, QUICK, LabelingResources(slots=1, reuse_guess=True))
        found = {outcome.index: outcome.answer for outcome in pool.label(path)}
        pool.close()
    assert sorted(found) == list(range(len(path)))
    assert all(rungs_of(found[index]) == ["nearby_guess"] for index in range(1, len(path)))  # type: ignore[arg-type]
    assert len(executions(log)) == len(path) + 1, "one of the sample was due"
    assert not list(store.superseded(QUICK.fingerprint))


def test_an_energy_that_the_gradients_do_not_explain_is_suspicious() -> None:
    step = np.array([[0.0, 0.0, 0.1], [0.0, 0.0, -0.1]])
    slope = [[0.0, 0.0, 0.02], [0.0, 0.0, -0.02]]
    before = {"energy": -1.0, "gradient": slope, "s_squared": 0.75}
    explained = before | {"energy": -1.0 + 0.004}
    assert not is_another_state(step, before, explained)
    assert is_another_state(step, before, explained | {"energy": -1.0 + 0.004 + 2 * UNEXPLAINED})
    assert not is_another_state(step, before, explained | {"energy": -1.1})
    assert is_another_state(step, before, explained | {"s_squared": 1.75})
