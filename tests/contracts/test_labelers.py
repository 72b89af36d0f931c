"""The contract of a `Labeler`, on every program."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from reactal.chem import FailureKind, Frames, Label, LabelFailure, Structure, Theory
from reactal.chem.convert import write_frames
from reactal.density.guard import Guard
from reactal.density.layout import Layout
from reactal.density.model import DensityModel
from reactal.density.network import build_network
from reactal.density.settings import NetworkSpec
from reactal.density.theory import DensityTheory
from reactal.labeling.base import Labeler, LabelingResources
from reactal.labeling.deepscf import deepscf_theory
from reactal.labeling.lookup import lookup_theory
from reactal.labeling.programs import make_labeler
from reactal.labeling.teacher import teacher_theory
from reactal.potentials.export import write_committee
from tests.labeling.molecules import hydrogen_fluoride, hydrogen_trios, hydroxyl, not_hydrogen, water
from tests.potentials.surface import committee_of_random_networks

ENERGY_AGREES = 1e-6  # eV, between two computations of a label
FORCE_AGREES = 1e-5  # eV/angstrom
STEP = 2e-3  # angstrom, of central differences
FORCE_IS_SLOPE = 3e-4  # eV/angstrom, third derivatives at that step


@dataclass(frozen=True)
class Case:
    """A program with a structure it can label and one it cannot; `theory` may need files, which it makes in a folder."""

    theory_in: Callable[[Path], Theory]
    good: Structure
    bad: Structure


def cases() -> list[object]:
    unknown = Structure.from_symbols(["He", "He"], [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    uranium = Structure.from_symbols(["U"], [[0.0, 0.0, 0.0]])
    periodic = Structure.from_symbols("OHH", water().positions, cell=np.eye(3) * 9.0, pbc=(True, True, True))
    emt = parsed("emt/none", program="ase")
    density = parsed("pbe/sto-3g", keywords={"dft_spherical_points": 434})
    needs_xtb = pytest.mark.skipif(find_spec("xtb") is None, reason="xtb has no wheel for this Python")
    harness = parsed("gfn2-xtb/none", program="qcengine", keywords={"harness": "xtb", "accuracy": 0.01})
    needs_mopac = pytest.mark.skipif(which("mopac") is None, reason="mopac is not installed")
    mopac = parsed("pm7/none", program="qcengine", keywords={"harness": "mopac"})
    return [
        pytest.param(Case(emt, water(0.1), unknown), id="ase emt"),
        pytest.param(Case(emt, copper(), unknown), id="ase emt, periodic"),
        pytest.param(Case(parsed("leps/none", program="ase"), hydrogen_trios(1)[0], not_hydrogen()), id="ase leps"),
        pytest.param(Case(parsed("gfn2/none", program="xtb"), water(0.1), uranium), id="xtb gfn2"),
        pytest.param(Case(parsed("gfn1/none", program="xtb"), hydroxyl(), uranium), id="xtb gfn1, radical"),
        pytest.param(Case(parsed("gfn1/none", program="xtb"), periodic, uranium), id="xtb gfn1, periodic"),
        pytest.param(Case(a_pool, water(0.1), water(0.3)), id="pool"),
        pytest.param(Case(a_teacher, water(0.1), unknown), id="teacher"),
        pytest.param(
            Case(parsed("pbe/sto-3g", program="pyscf", keywords={"grid_level": 1}), water(0.1), periodic), id="pyscf rks"
        ),
        pytest.param(Case(parsed("hf/sto-3g", program="pyscf"), hydroxyl(), periodic), id="pyscf uhf"),
        pytest.param(Case(a_density, hydrogen_fluoride(0.95), periodic), id="deepscf, by the SCF"),
        pytest.param(Case(harness, water(0.1), periodic), id="qcengine xtb", marks=needs_xtb),
        pytest.param(Case(mopac, water(0.1), periodic), id="qcengine mopac", marks=needs_mopac),
        pytest.param(Case(parsed("hf/sto-3g"), water(0.1), periodic), id="psi4 rhf", marks=pytest.mark.psi4),
        pytest.param(Case(parsed("hf/sto-3g"), hydroxyl(), periodic), id="psi4 uhf", marks=pytest.mark.psi4),
        pytest.param(Case(density, water(0.1), periodic), id="psi4 rks", marks=pytest.mark.psi4),
    ]


def parsed(name: str, **rest: Any) -> Callable[[Path], Theory]:
    return lambda _: Theory.parse(name, **rest)


def a_pool(folder: Path) -> Theory:
    """Every structure that these tests ask about, labelled by EMT, as a file."""
    asked = [water(0.1), *displaced(water(0.1)), reversed_atoms(water(0.1))]
    emt = Theory.parse("emt/none", program="ase")
    labels = [computed(make_labeler(emt), structure) for structure in asked]
    write_frames(folder / "labelled.xyz", Frames.of(asked, labels))
    return lookup_theory(folder / "labelled.xyz", emt)


def a_teacher(folder: Path) -> Theory:
    return teacher_theory(write_committee(folder / "model", committee_of_random_networks()))


def a_density(folder: Path) -> Theory:
    """A model that has learned nothing and whose guard knows it: every label is the SCF's. Forces of one step are the slope of
    its energy only as far as the density is right."""
    theory = DensityTheory(grid_level=5, fitting_ratio=2.4, fitting_angular=3)
    spec = NetworkSpec("atoms", "tiny", elements=(1, 9))
    network = build_network(spec, Layout(spec.elements, theory), seed=0)
    DensityModel(theory, spec, (network,), Guard.of([hydrogen_fluoride(0.95)]), {}).write(folder / "density")
    return deepscf_theory(folder / "density", limit_mha=0.5001)


def copper() -> Structure:
    """Four atoms of fcc copper, shaken, in a strained cell."""
    cell = 3.65 * (np.eye(3) + 0.02 * np.random.default_rng(1).normal(size=(3, 3)))
    places = np.array([[0.02, 0.0, 0.01], [0.5, 0.51, 0.0], [0.5, 0.0, 0.48], [0.0, 0.5, 0.5]])
    return Structure.from_symbols(["Cu"] * 4, places @ cell, cell=cell, pbc=(True, True, True))


def displaced(structure: Structure) -> tuple[Structure, Structure]:
    """A step ahead and a step back."""
    step = STEP * direction(structure)
    return structure.moved(structure.positions + step), structure.moved(structure.positions - step)


def direction(structure: Structure) -> NDArray[np.float64]:
    """Of length one in the space of all positions."""
    way = np.random.default_rng(0).normal(size=structure.positions.shape)
    return way / np.linalg.norm(way)


def reversed_atoms(structure: Structure) -> Structure:
    return replace(structure, numbers=structure.numbers[::-1], positions=structure.positions[::-1])


@pytest.fixture(scope="module", params=cases())
def case(request: pytest.FixtureRequest) -> Case:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def theory(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Theory:
    return case.theory_in(tmp_path_factory.mktemp("theory"))


@pytest.fixture(scope="module")
def start(theory: Theory) -> Iterator[Callable[[], Labeler]]:
    """New labelers, closed at the end."""
    started: list[Labeler] = []

    def new() -> Labeler:
        started.append(make_labeler(theory, LabelingResources(slots=1)))
        return started[-1]

    yield new
    for labeler in started:
        labeler.close()


@pytest.fixture(scope="module")
def labeler(start: Callable[[], Labeler]) -> Labeler:
    """One for all the tests that need no new one: some programs take seconds to start."""
    return start()


@pytest.fixture(scope="module")
def another(start: Callable[[], Labeler]) -> Labeler:
    """A second one of the same theory, which the last test closes."""
    return start()


def computed(labeler: Labeler, structure: Structure) -> Label:
    answer = labeler.compute(structure)
    assert isinstance(answer, Label), answer
    return answer


def test_a_label_names_its_structure_theory_and_origin(case: Case, theory: Theory, labeler: Labeler) -> None:
    label = computed(labeler, case.good)
    assert (label.structure_key, label.theory) == (case.good.key, theory.fingerprint)
    assert label.forces.shape == (len(case.good), 3)
    assert label.program_version.startswith(theory.program)
    assert label.wall_seconds > 0
    assert label.host
    assert [attempt.outcome for attempt in label.attempts] == ["ok"]


def test_forces_are_minus_the_slope_of_the_energy(case: Case, labeler: Labeler) -> None:
    forces = computed(labeler, case.good).forces
    ahead, behind = (computed(labeler, structure) for structure in displaced(case.good))
    slope = (ahead.energy - behind.energy) / (2 * STEP)
    assert -slope == pytest.approx((forces * direction(case.good)).sum(), abs=FORCE_IS_SLOPE)


def test_forces_on_a_free_molecule_add_up_to_nothing(case: Case, labeler: Labeler) -> None:
    forces = computed(labeler, case.good).forces
    assert np.abs(forces.sum(axis=0)).max() < FORCE_IS_SLOPE


def test_a_label_computed_again_agrees(case: Case, labeler: Labeler, another: Labeler) -> None:
    first, again = computed(labeler, case.good), computed(another, case.good)
    assert again.energy == pytest.approx(first.energy, abs=ENERGY_AGREES)
    assert np.abs(again.forces - first.forces).max() < FORCE_AGREES


def test_a_structure_elsewhere_in_space_has_the_same_label(case: Case, labeler: Labeler) -> None:
    here = computed(labeler, case.good)
    there = computed(labeler, case.good.moved(case.good.positions + np.array([11.0, -7.0, 3.0])))
    assert there.structure_key == here.structure_key
    assert there.energy == pytest.approx(here.energy, abs=ENERGY_AGREES)
    assert np.abs(there.forces - here.forces).max() < FORCE_AGREES


def test_the_order_of_the_atoms_is_that_of_the_forces_and_nothing_else(case: Case, labeler: Labeler) -> None:
    here, there = computed(labeler, case.good), computed(labeler, reversed_atoms(case.good))
    assert there.energy == pytest.approx(here.energy, abs=ENERGY_AGREES)
    assert np.abs(there.forces[::-1] - here.forces).max() < FORCE_AGREES


def test_what_cannot_be_computed_is_a_value_and_the_labeler_goes_on(case: Case, labeler: Labeler) -> None:
    failure = labeler.compute(case.bad)
    assert isinstance(failure, LabelFailure)
    assert (failure.kind, failure.structure_key) == (FailureKind.INVALID_INPUT, case.bad.key)
    assert failure.message
    computed(labeler, case.good)


def test_close_may_be_called_twice_and_before_anything(case: Case, another: Labeler, start: Callable[[], Labeler]) -> None:
    computed(another, case.good)
    for labeler in (start(), another):
        labeler.close()
        labeler.close()
