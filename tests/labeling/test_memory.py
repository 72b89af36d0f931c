"""Memory that labels have needed is measured, kept, and predicts what the next one is given."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Attempt, Label, LabelFailure, Structure, Theory
from reactal.labeling import psi4_process
from reactal.labeling.base import ROOM_MIB, Foreseeing, LabelingResources
from reactal.labeling.cost import CostModel, basis_functions, learnt_from
from reactal.labeling.execution_log import EXECUTION_LOG
from reactal.labeling.memory import ENOUGH, LARGER, MARGIN, MemoryModel
from reactal.labeling.programs import make_labeler
from reactal.labeling.psi4 import Psi4Labeler
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from tests.labeling.molecules import hydrogens, hydroxyl, water, waters
from tests.labeling.watching import latest_pid

QUICK = Theory.parse("hf/sto-3g")
PROGRAM_MIB = 180.0
NOTHING_FITS_MIB = 50.0
WITHIN = 0.05
MEASURED_WITHIN = 0.25  # growth of the program from label to label is in it


def learnt(exponent: float, *, sizes: range = range(20, 200, 10)) -> MemoryModel:
    model, noise = MemoryModel(), np.random.default_rng(0)
    for functions in sizes:
        model.learn(functions, truth(functions, exponent) * (1 + noise.normal(0, 0.01)))
    return model


def truth(functions: int, exponent: float) -> float:
    return PROGRAM_MIB + 300 * (functions / 100) ** exponent


@pytest.mark.parametrize("exponent", [2.0, 3.0, 4.0])
def test_the_law_is_found_and_holds_a_little_beyond_what_was_seen(exponent: float) -> None:
    model = learnt(exponent)
    for functions in (24, 190, 260):
        assert model.expected_mib(functions) == pytest.approx(truth(functions, exponent), rel=WITHIN)
    assert model.room_mib(100) == pytest.approx(MARGIN * truth(100, exponent), rel=WITHIN)


def test_nothing_is_said_without_history_or_far_beyond_it() -> None:
    model = MemoryModel()
    for number in range(ENOUGH):
        assert model.expected_mib(24) is None
        model.learn(24, 200.0 + number)
    assert model.expected_mib(24) == pytest.approx(201.0, rel=WITHIN)
    assert model.expected_mib(int(LARGER * 24) + 1) is None
    model.learn(24, 0.0)  # imported, or on a system that does not say
    assert model.observations == ENOUGH


def test_one_composition_that_grows_is_not_taken_for_a_law() -> None:
    model = MemoryModel()
    for functions, mib in ((50, 300.0), (51, 250.0), (50, 320.0), (49, 310.0)):
        model.learn(functions, mib)
    expected = model.expected_mib(60)
    assert expected is not None
    assert 200.0 < expected < 500.0


def test_an_attempt_keeps_its_memory_and_old_ones_have_none() -> None:
    kept = Attempt(seconds=1.0, memory_mib=123.5)
    assert Attempt.from_json(kept.as_json()) == kept
    old = Attempt(seconds=1.0)
    assert "memory_mib" not in old.as_json()
    assert Attempt.from_json(old.as_json()).memory_mib is None


@pytest.mark.psi4
def test_what_psi4_has_needed_predicts_what_it_will(tmp_path: Path) -> None:
    labels, labeler = LabelStore(open_store(str(tmp_path))), Psi4Labeler(QUICK)
    for structure in (*hydrogens(2), *waters(2), hydroxyl()):
        found = labeler.compute(structure)
        assert isinstance(found, Label)
        labels.put(found, structure)
    again = labeler.compute(water(0.3))
    labeler.close()
    assert isinstance(again, Label)
    measured, expected = again.attempts[-1].memory_mib, learnt_from(labels, QUICK).memory_mib(water(0.3))
    assert measured is not None and expected is not None
    assert expected == pytest.approx(measured, rel=MEASURED_WITHIN)


def test_a_program_in_a_child_says_what_it_needed() -> None:
    labeler = make_labeler(Theory.parse("hf/sto-3g", program="pyscf"))
    found = labeler.compute(water(0.1))
    labeler.close()
    assert isinstance(found, Label), found
    assert (found.attempts[-1].memory_mib or 0.0) > 20.0


def given_mib(log: Path) -> int:
    command = Path(f"/proc/{latest_pid(log)}/cmdline").read_text().split("\0")
    return int(command[command.index("--memory-mib") + 1])


@pytest.mark.psi4
def test_where_no_number_is_typed_in_it_is_given_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv(EXECUTION_LOG, str(log))
    labeler = Psi4Labeler(QUICK, LabelingResources(memory_mib=0))
    assert isinstance(labeler, Foreseeing)
    given = []
    for room in (None, 1700.0):
        labeler.foresee(room)
        assert isinstance(labeler.compute(water()), Label)
        given.append(given_mib(log))
    labeler.close()
    assert given == [1000, 2000]
    assert LabelingResources(memory_mib=700).with_room(1e5).memory_mib == 700, "a number that is typed in stays"


@pytest.mark.psi4
def test_too_little_memory_costs_an_attempt_and_no_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psi4_process, "LOOK_SECONDS", 0.05)
    start = psi4_process.Psi4Process.__init__

    def tight(self: psi4_process.Psi4Process, resources: LabelingResources) -> None:
        start(self, resources)
        self._limit_mib = NOTHING_FITS_MIB if resources.memory_mib == ROOM_MIB else math.inf

    monkeypatch.setattr(psi4_process.Psi4Process, "__init__", tight)
    labeler = Psi4Labeler(Theory.parse("mp2/cc-pvtz"), LabelingResources(memory_mib=0, attempts=1))
    found = labeler.compute(water(0.1))
    labeler.close()
    assert not isinstance(found, LabelFailure), found
    assert [attempt.outcome for attempt in found.attempts] == ["out_of_memory", "ok"]


def test_the_cost_model_learns_memory_beside_seconds() -> None:
    model = CostModel()
    for number, structure in enumerate(waters(ENOUGH)):
        attempts = (Attempt(outcome="crashed", memory_mib=5000.0), Attempt(seconds=2.0, memory_mib=400.0 + number))
        model.learn(structure, Label(structure.key, "t", -1.0, np.zeros((3, 3)), attempts=attempts))
    assert model.memory_mib(water()) == pytest.approx(401.0, rel=WITHIN)
    assert model.room_mib(water()) == pytest.approx(MARGIN * 401.0, rel=WITHIN)
    far = Structure.from_symbols("C" * 20, [[1.3 * place, 0.0, 0.0] for place in range(20)])
    assert basis_functions(far) > LARGER * basis_functions(water())
    assert model.room_mib(far) is None
