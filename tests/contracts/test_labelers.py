"""The contract of a `Labeler`, on every program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from reactal.chem import FailureKind, Label, LabelFailure, Structure, Theory
from reactal.labeling.base import Labeler, LabelingResources
from reactal.labeling.programs import make_labeler
from tests.labeling.molecules import hydrogen_trios, hydroxyl, not_hydrogen, water

ENERGY_AGREES = 1e-6  # eV, between two computations of a label
FORCE_AGREES = 1e-5  # eV/angstrom
STEP = 2e-3  # angstrom, of central differences
FORCE_IS_SLOPE = 3e-4  # eV/angstrom, third derivatives at that step


@dataclass(frozen=True)
class Case:
    """A program with a structure it can label and one it cannot."""

    theory: Theory
    good: Structure
    bad: Structure


def cases() -> list[object]:
    unknown = Structure.from_symbols(["He", "He"], [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    emt = Case(Theory.parse("emt/none", program="ase"), water(0.1), unknown)
    leps = Case(Theory.parse("leps/none", program="ase"), hydrogen_trios(1)[0], not_hydrogen())
    periodic = Structure.from_symbols("OHH", water().positions, cell=np.eye(3) * 9.0, pbc=(True, True, True))
    closed = Case(Theory.parse("hf/sto-3g"), water(0.1), periodic)
    opened = Case(Theory.parse("hf/sto-3g"), hydroxyl(), periodic)
    density = Case(Theory.parse("pbe/sto-3g", keywords={"dft_spherical_points": 434}), water(0.1), periodic)
    return [
        pytest.param(emt, id="ase emt"),
        pytest.param(leps, id="ase leps"),
        pytest.param(closed, id="psi4 rhf", marks=pytest.mark.psi4),
        pytest.param(opened, id="psi4 uhf", marks=pytest.mark.psi4),
        pytest.param(density, id="psi4 rks", marks=pytest.mark.psi4),
    ]


@pytest.fixture(params=cases())
def case(request: pytest.FixtureRequest) -> Case:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def start(case: Case) -> Iterator[Callable[[], Labeler]]:
    """New labelers, closed at the end."""
    started: list[Labeler] = []

    def new() -> Labeler:
        started.append(make_labeler(case.theory, LabelingResources(slots=1)))
        return started[-1]

    yield new
    for labeler in started:
        labeler.close()


def computed(labeler: Labeler, structure: Structure) -> Label:
    answer = labeler.compute(structure)
    assert isinstance(answer, Label), answer
    return answer


def test_a_label_names_its_structure_theory_and_origin(case: Case, start: Callable[[], Labeler]) -> None:
    label = computed(start(), case.good)
    assert (label.structure_key, label.theory) == (case.good.key, case.theory.fingerprint)
    assert label.forces.shape == (len(case.good), 3)
    assert label.program_version.startswith(case.theory.program)
    assert label.wall_seconds > 0
    assert label.host
    assert [attempt.outcome for attempt in label.attempts] == ["ok"]


def test_forces_are_minus_the_slope_of_the_energy(case: Case, start: Callable[[], Labeler]) -> None:
    labeler = start()
    forces = computed(labeler, case.good).forces
    direction = np.random.default_rng(0).normal(size=forces.shape)
    direction /= np.linalg.norm(direction)
    ahead, behind = (computed(labeler, case.good.moved(case.good.positions + sign * STEP * direction)) for sign in (1, -1))
    slope = (ahead.energy - behind.energy) / (2 * STEP)
    assert -slope == pytest.approx((forces * direction).sum(), abs=FORCE_IS_SLOPE)


def test_forces_on_a_free_molecule_add_up_to_nothing(case: Case, start: Callable[[], Labeler]) -> None:
    forces = computed(start(), case.good).forces
    assert np.abs(forces.sum(axis=0)).max() < FORCE_IS_SLOPE


def test_a_label_computed_again_agrees(case: Case, start: Callable[[], Labeler]) -> None:
    first, again = computed(start(), case.good), computed(start(), case.good)
    assert again.energy == pytest.approx(first.energy, abs=ENERGY_AGREES)
    assert np.abs(again.forces - first.forces).max() < FORCE_AGREES


def test_a_structure_elsewhere_in_space_has_the_same_label(case: Case, start: Callable[[], Labeler]) -> None:
    labeler = start()
    here = computed(labeler, case.good)
    there = computed(labeler, case.good.moved(case.good.positions + np.array([11.0, -7.0, 3.0])))
    assert there.structure_key == here.structure_key
    assert there.energy == pytest.approx(here.energy, abs=ENERGY_AGREES)
    assert np.abs(there.forces - here.forces).max() < FORCE_AGREES


def test_what_cannot_be_computed_is_a_value_and_the_labeler_goes_on(case: Case, start: Callable[[], Labeler]) -> None:
    labeler = start()
    failure = labeler.compute(case.bad)
    assert isinstance(failure, LabelFailure)
    assert (failure.kind, failure.structure_key) == (FailureKind.INVALID_INPUT, case.bad.key)
    assert failure.message
    computed(labeler, case.good)


def test_close_may_be_called_twice_and_before_anything(case: Case, start: Callable[[], Labeler]) -> None:
    unused, used = start(), start()
    computed(used, case.good)
    for labeler in (unused, used):
        labeler.close()
        labeler.close()
