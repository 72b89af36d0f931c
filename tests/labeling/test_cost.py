"""The cost model finds the law behind times, and calls nothing hung that may only be slow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Attempt, Label, Structure, Theory
from reactal.labeling.base import Impatient, LabelingResources
from reactal.labeling.cost import ENOUGH, LARGER, PATIENCE_FACTOR, PATIENCE_FLOOR_S, CostModel, basis_functions, learnt_from
from reactal.labeling.psi4 import Psi4Labeler
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from tests.labeling.molecules import hydroxyl, water

EXPONENT = 3.4
SCALE = 2e-6
THEORY = Theory.parse("hf/6-31g*")


def chain(carbons: int, *, charge: int = 0) -> Structure:
    """Carbon atoms in a row; the model looks at nothing but their number."""
    return Structure.from_symbols("C" * carbons, [[1.3 * i, 0.0, 0.0] for i in range(carbons)], charge=charge)


def truth(structure: Structure) -> float:
    return SCALE * basis_functions(structure) ** EXPONENT


def label(structure: Structure, seconds: float, *earlier: Attempt) -> Label:
    return Label(
        structure.key, THEORY.fingerprint, -1.0, np.zeros((len(structure), 3)), attempts=(*earlier, Attempt(seconds=seconds))
    )


def learnt(sizes: range) -> CostModel:
    model, noise = CostModel(), np.random.default_rng(1)
    for size in sizes:
        model.learn(chain(size), label(chain(size), truth(chain(size)) * np.exp(noise.normal(0, 0.1))))
    return model


def test_larger_molecules_take_longer_before_anything_is_known() -> None:
    model = CostModel()
    assert model.seconds(chain(8)) > model.seconds(chain(4)) > model.seconds(water())
    assert model.patience(water()) is None


def test_the_law_of_a_theory_is_found_and_holds_beyond_what_was_seen() -> None:
    model = learnt(range(2, 21))
    assert model.seconds(chain(40)) == pytest.approx(truth(chain(40)), rel=0.3)


def test_one_label_sets_the_scale() -> None:
    model = CostModel()
    model.learn(chain(10), label(chain(10), 7.0))
    assert model.seconds(chain(10)) == pytest.approx(7.0, rel=0.01)


def test_a_state_that_is_slower_than_its_size_says_is_learnt_as_such() -> None:
    """Open shells and hard convergence cost more than basis functions tell."""
    model, slow = learnt(range(2, 21)), chain(6, charge=2)
    before = model.seconds(slow)
    for _ in range(20):
        model.learn(slow, label(slow, 5 * truth(slow)))
    assert model.seconds(slow) > 3 * before
    assert model.seconds(chain(6)) < 2 * truth(chain(6)), "others of its size stay what they are"


def test_a_hung_attempt_is_not_what_a_label_costs() -> None:
    model = CostModel()
    model.learn(chain(10), label(chain(10), 7.0, Attempt(outcome="timeout", seconds=600.0)))
    assert model.seconds(chain(10)) == pytest.approx(7.0, rel=0.01)
    model.learn(chain(10), Label(chain(10).key, "imported", -1.0, np.zeros((10, 3))))
    assert model.observations == 1


def test_patience_is_generous_has_a_floor_and_ends_with_what_is_known() -> None:
    model = learnt(range(2, 2 + ENOUGH))
    assert model.patience(chain(2)) == PATIENCE_FLOOR_S
    long = CostModel()
    for size in range(2, 2 + ENOUGH):
        long.learn(chain(size), label(chain(size), 1000 * truth(chain(size))))
    known = chain(1 + ENOUGH)
    assert long.patience(known) == pytest.approx(PATIENCE_FACTOR * long.seconds(known))
    assert long.patience(chain(int(LARGER * (2 + ENOUGH)) + 1)) is None


def test_history_is_what_the_store_has_of_the_theory(tmp_path: Path) -> None:
    labels = LabelStore(open_store(str(tmp_path)))
    for size in range(2, 12):
        labels.put(label(chain(size), truth(chain(size))), chain(size))
    assert learnt_from(labels, THEORY).seconds(chain(6)) == pytest.approx(truth(chain(6)), rel=0.2)
    assert learnt_from(labels, Theory.parse("hf/sto-3g")).observations == 0


def test_a_damaged_label_of_the_past_does_not_stop_those_of_today(tmp_path: Path) -> None:
    labels = LabelStore(open_store(str(tmp_path)))
    labels.put(label(water(), 1.0), water())
    (file,) = tmp_path.rglob(f"{water().key}.json")
    file.write_bytes(b"{}")
    assert learnt_from(labels, THEORY).observations == 0


def test_functions_are_those_of_a_double_zeta_basis() -> None:
    assert basis_functions(water()) == 24
    assert basis_functions(hydroxyl()) == 19


@pytest.mark.psi4
def test_too_little_patience_costs_time_and_no_label() -> None:
    labeler = Psi4Labeler(Theory.parse("hf/sto-3g"), LabelingResources(attempts=1))
    assert isinstance(labeler, Impatient)
    labeler.expect(1e-3)
    answer = labeler.compute(water())
    labeler.close()
    assert isinstance(answer, Label), answer
    assert [attempt.outcome for attempt in answer.attempts] == ["timeout", "ok"]
