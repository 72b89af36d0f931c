"""Searches for the reference's own stationary points go side by side, and one that fails takes no other with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import final

import numpy as np
import pytest

from reactal.chem import FailureKind, LabelFailure, Structure, Theory
from reactal.exploration.hessian import hessian_of
from reactal.labeling.base import LabelOutcome, LabelPool
from reactal.labeling.leps import leps
from reactal.labeling.pool import LocalLabelPool
from reactal.stages.refining import END_FORCE, SADDLE_FORCE, Unrefined, refined
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from tests.exploration.surfaces import Surface
from tests.stages.test_check_suite import trio

SAME = 1e-3  # eV, of energies at points where a force of SADDLE_FORCE may be left
OFF = 1.04  # of all distances: the model's points are not the reference's


@final
class Watched:
    """A pool, the size of every batch that it was asked for, and labels that fail."""

    def __init__(self, pool: LabelPool, fails: Callable[[Structure], bool] = lambda _: False) -> None:
        self._pool, self._fails = pool, fails
        self.batches: list[int] = []

    def label(self, structures: Sequence[Structure], *, theory: Theory | None = None) -> Iterator[LabelOutcome]:
        self.batches.append(len(structures))
        for outcome in self._pool.label(structures, theory=theory):
            if self._fails(structures[outcome.index]):
                failure = LabelFailure(
                    structure_key="", theory="", kind=FailureKind.SCF_NOT_CONVERGED, message="the SCF did not converge"
                )
                outcome = replace(outcome, answer=failure)
            yield outcome

    def close(self) -> None:
        self._pool.close()


@pytest.fixture(scope="module")
def pool() -> Iterator[LocalLabelPool]:
    one = LocalLabelPool(LabelStore(open_store("memory://refining")), Theory.parse("leps/none", program="ase"))
    yield one
    one.close()


def saddle_of_the_reference() -> tuple[float, float]:
    """The place of both neighbours (angstrom) and the energy (eV), from a search along the symmetric line."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(lambda r: leps(trio(r, r).positions)[0], bounds=(0.7, 1.5), method="bounded")
    return float(found.x), float(found.fun)


def exchange(off: float) -> Unrefined:
    place, _ = saddle_of_the_reference()
    saddle = trio(off * place, off * place)
    reactant, product = trio(0.8 * off, 2.2), trio(2.2, 0.8 * off)
    surface = Surface(lambda x: np.asarray([leps(one)[0] for one in x]))
    return Unrefined((reactant, saddle, product), hessian_of(surface, saddle, saddle.positions))


def test_all_searches_ask_together_and_find_what_each_finds_alone(pool: LocalLabelPool) -> None:
    given = [exchange(OFF), exchange(1 / OFF)]
    alone = [Watched(pool), Watched(pool)]
    single = [refined(watched, [one])[0] for watched, one in zip(alone, given, strict=True)]
    together = Watched(pool)
    both = refined(together, given)
    _, top = saddle_of_the_reference()
    assert together.batches[0] == 6, "two ends and a saddle of each"
    assert len(together.batches) == max(len(watched.batches) for watched in alone)
    for one, by_itself in zip(both, single, strict=True):
        assert not one.why and one.energies == by_itself.energies and one.gradients == by_itself.gradients
        assert one.force_left is not None and one.force_left <= SADDLE_FORCE
        assert one.energies is not None and one.energies[1] == pytest.approx(top, abs=SAME)
    assert sum(together.batches) == sum(one.gradients for one in both)


def test_known_ends_are_not_asked_for(pool: LocalLabelPool) -> None:
    watched = Watched(pool)
    (found,) = refined(watched, [replace(exchange(OFF), ends=(-4.75, -4.74))])
    assert found.energies is not None and (found.energies[0], found.energies[2]) == (-4.75, -4.74)
    assert set(watched.batches) == {1} and found.gradients == len(watched.batches)


def test_a_label_that_fails_ends_the_searches_of_its_reaction_alone(pool: LocalLabelPool) -> None:
    lost, kept = exchange(OFF), exchange(1 / OFF)
    watched = Watched(pool, fails=lambda structure: structure.key == lost.points[2].key)
    first, second = refined(watched, [lost, kept])
    assert first.energies is None and first.why == "a label of an end failed: the SCF did not converge"
    assert first.gradients == 3, "nothing more is paid for a reaction that cannot be told any more"
    assert second.energies is not None and not second.why


def test_a_saddle_without_a_single_number_is_said_to_be_so(pool: LocalLabelPool) -> None:
    given = exchange(OFF)
    watched = Watched(pool, fails=lambda structure: structure.key == given.points[1].key)
    (found,) = refined(watched, [given])
    assert found.why == "no saddle of the reference was reached: a label failed: the SCF did not converge"


def test_ends_are_the_reference_s_own_minima(pool: LocalLabelPool) -> None:
    (found,) = refined(pool, [exchange(OFF)])
    assert found.energies is not None
    for end, energy in ((found.points[0], found.energies[0]), (found.points[2], found.energies[2])):
        at, forces = leps(end.positions)
        assert energy == pytest.approx(at) and np.linalg.norm(forces, axis=1).max() <= END_FORCE
