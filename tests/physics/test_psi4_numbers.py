"""Psi4 labels against literature and against each other: units, signs, open shells, broken symmetry."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from reactal.chem import Label, Structure, Theory
from reactal.labeling.psi4 import Psi4Labeler
from reactal.units import BOHR, HARTREE
from tests.labeling.molecules import hydrogen_fluoride, hydroxyl, water

pytestmark = pytest.mark.psi4

DENSITY_FITTING = 1e-4 * HARTREE  # eV, of a small molecule's energy, density fitting against exact integrals
STEP = 1e-3  # angstrom
FORCE_TOLERANCE = 5e-4  # eV/angstrom, third derivatives at that step
DEBYE = 0.20819434  # e*angstrom

Compute = Callable[[Structure, Theory], Label]


@pytest.fixture
def compute() -> Iterator[Compute]:
    labelers: dict[Theory, Psi4Labeler] = {}

    def label(structure: Structure, theory: Theory) -> Label:
        labeler = labelers.setdefault(theory, Psi4Labeler(theory))
        answer = labeler.compute(structure)
        assert isinstance(answer, Label), answer
        return answer

    yield label
    for labeler in labelers.values():
        labeler.close()


def water_at_its_hf_minimum() -> Structure:
    """HF/6-31G*: r = 0.9473 angstrom, 105.50 degrees (Hehre, Radom, Schleyer, Pople: Ab Initio Molecular Orbital Theory)."""
    bond, half_angle = 0.9473, np.radians(105.50) / 2
    across, along = bond * np.sin(half_angle), bond * np.cos(half_angle)
    return Structure.from_symbols("OHH", [[0.0, 0.0, 0.0], [0.0, across, along], [0.0, -across, along]])


def test_water_has_the_energy_and_the_minimum_of_the_literature(compute: Compute) -> None:
    label = compute(water_at_its_hf_minimum(), Theory.parse("hf/6-31g*"))
    assert label.energy == pytest.approx(-76.01075 * HARTREE, abs=DENSITY_FITTING)
    assert np.abs(label.forces).max() < 0.02  # eV/angstrom, four digits of the geometry
    assert label.dipole is not None
    assert np.linalg.norm(label.dipole) == pytest.approx(2.20 * DEBYE, abs=0.01 * DEBYE)


def test_hydrogen_atom_s_energy_is_known_exactly(compute: Compute) -> None:
    atom = Structure.from_symbols("H", [[0.0, 0.0, 0.0]], multiplicity=2)
    label = compute(atom, Theory.parse("hf/cc-pvqz", keywords={"scf_type": "pk"}))
    assert label.energy == pytest.approx(-0.5 * HARTREE, abs=1e-4 * HARTREE)
    assert label.s_squared == pytest.approx(0.75, abs=1e-6)


@pytest.mark.parametrize("reference", ["uhf", "rohf"])
def test_one_electron_and_no_other(compute: Compute, reference: str) -> None:
    """Density-fitted gradients of Psi4 1.3 die where there is no beta electron."""
    theory = Theory.parse("hf/6-31g*", keywords={"reference": reference})
    atom = compute(Structure.from_symbols("H", [[0.0, 0.0, 0.0]], multiplicity=2), theory)
    assert atom.energy == pytest.approx(-0.498233 * HARTREE, abs=DENSITY_FITTING)  # Hehre, Stewart, Pople 1969, 6-31G
    assert np.abs(atom.forces).max() == 0.0
    short, here, long = (
        compute(Structure.from_symbols("HH", [[0.0, 0.0, 0.0], [0.0, 0.0, bond]], charge=1, multiplicity=2), theory)
        for bond in (1.2 - STEP, 1.2, 1.2 + STEP)
    )
    assert here.forces[1, 2] == pytest.approx(-(long.energy - short.energy) / (2 * STEP), abs=FORCE_TOLERANCE)


@pytest.mark.parametrize("bond", [0.85, 1.0, 1.3])
def test_forces_of_hydrogen_fluoride_restricted_and_not(compute: Compute, bond: float) -> None:
    for reference in ("rhf", "uhf"):
        theory = Theory.parse("hf/6-31g*", keywords={"reference": reference})
        forces = compute(hydrogen_fluoride(bond), theory).forces
        low, high = (compute(hydrogen_fluoride(bond + sign * STEP), theory).energy for sign in (-1, 1))
        axis = np.diff(hydrogen_fluoride(bond).positions, axis=0)[0]
        pull = forces[1] @ axis / np.linalg.norm(axis)
        assert pull == pytest.approx(-(high - low) / (2 * STEP), abs=FORCE_TOLERANCE)


def test_reference_follows_the_multiplicity_and_the_method(compute: Compute) -> None:
    for method in ("hf", "b3lyp"):
        theory = Theory.parse(f"{method}/6-31g*")
        assert compute(water(0.05), theory).s_squared is None
        radical = compute(hydroxyl(), theory)
        assert radical.s_squared is not None
        assert 0.75 <= radical.s_squared < 0.77
        explicit = theory.with_keywords(reference="uks" if method == "b3lyp" else "uhf")
        assert compute(hydroxyl(), explicit).energy == pytest.approx(radical.energy, abs=1e-6)


def test_triplet_oxygen_atom_lies_below_the_singlet(compute: Compute) -> None:
    theory = Theory.parse("hf/6-31g*")
    triplet, singlet = (
        compute(Structure.from_symbols("O", [[0.0, 0.0, 0.0]], multiplicity=multiplicity), theory) for multiplicity in (3, 1)
    )
    assert triplet.energy < singlet.energy - 1.0  # eV; Hund


def test_broken_symmetry_mends_the_wrong_dissociation_of_hydrogen(compute: Compute) -> None:
    stretched = Structure.from_symbols("HH", [[0.0, 0.0, 0.0], [0.0, 0.0, 2.5]])
    restricted = Theory.parse("hf/6-31g*")
    broken = restricted.with_keywords(reference="uhf", guess="gwh", guess_mix=True)
    above, below = compute(stretched, restricted), compute(stretched, broken)
    assert below.energy < above.energy - 1.0  # eV
    assert below.s_squared == pytest.approx(1.0, abs=0.05)  # half singlet, half triplet
    assert below.energy == pytest.approx(2 * -0.4982 * HARTREE, abs=0.05)  # two hydrogen atoms in this basis


def test_broken_symmetry_finds_the_closed_shell_where_that_is_the_answer(compute: Compute) -> None:
    restricted = Theory.parse("hf/6-31g*")
    broken = restricted.with_keywords(reference="uhf", guess="gwh", guess_mix=True)
    bound = Structure.from_symbols("HH", [[0.0, 0.0, 0.0], [0.0, 0.0, 0.74]])
    assert compute(bound, broken).energy == pytest.approx(compute(bound, restricted).energy, abs=1e-5)
    assert compute(bound, broken).s_squared == pytest.approx(0.0, abs=1e-4)


def test_charge_is_taken_into_account(compute: Compute) -> None:
    """Koopmans: the electron affinity of Cl at HF is a small fraction of the total energy, and the anion is below."""
    theory = Theory.parse("hf/6-31+g*")
    anion = compute(Structure.from_symbols(["Cl"], [[0.0, 0.0, 0.0]], charge=-1), theory)
    atom = compute(Structure.from_symbols(["Cl"], [[0.0, 0.0, 0.0]], multiplicity=2), theory)
    assert 1.5 < atom.energy - anion.energy < 3.6  # eV; 2.6 at the HF limit, 3.61 by experiment


@pytest.mark.parametrize("geometry", ["linear", "atom", "tetrahedral"])
def test_symmetric_molecules_need_no_symmetry(compute: Compute, geometry: str) -> None:
    tetrahedron = 0.63 * np.array([[0, 0, 0], [1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=float)
    structure = {
        "linear": Structure.from_symbols("HCN", [[0.0, 0.0, -1.06], [0.0, 0.0, 0.0], [0.0, 0.0, 1.15]]),
        "atom": Structure.from_symbols(["Ar"], [[0.0, 0.0, 0.0]]),
        "tetrahedral": Structure.from_symbols("CHHHH", tetrahedron),
    }[geometry]
    label = compute(structure, Theory.parse("hf/6-31g*"))
    assert np.abs(label.forces.sum(axis=0)).max() < 1e-5


def test_length_unit(compute: Compute) -> None:
    """The nuclear repulsion of two protons is all that is left of H2+2-like far charges: 1/R in atomic units."""
    near, far = (
        compute(
            Structure.from_symbols(["Li", "Li"], [[0.0, 0.0, 0.0], [0.0, 0.0, r]], charge=2), Theory.parse("hf/sto-3g")
        ).energy
        for r in (10.0, 20.0)
    )
    assert near - far == pytest.approx(HARTREE * BOHR * (1 / 10.0 - 1 / 20.0), abs=1e-4)
