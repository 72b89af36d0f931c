"""Labels from ASE's calculators and from a model surface: exact, immediate, in this process. Periodic cells get a stress."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final

from reactal.chem import Structure, Theory
from reactal.chem.convert import to_ase
from reactal.labeling.leps import leps
from reactal.labeling.surface import Computed, Surface, SurfaceLabeler, check_by_computing
from reactal.labeling.theory_names import NUMBER, POSITIVE, Rule, require_keywords, require_name, require_program

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

__all__ = ["ase_labeler", "check_ase_theory"]


@final
@dataclass(frozen=True)
class _Method:
    """A surface from the numbers of the theory's keywords; `keywords` says which, in angstrom and eV."""

    surface: Callable[[Mapping[str, float]], Surface]
    keywords: Mapping[str, Rule] = field(default_factory=dict)


def ase_labeler(theory: Theory) -> SurfaceLabeler:
    """A `Labeler` for theories of program `ase`, such as `emt/none` or `leps/none`."""
    from ase import __version__

    require_program(theory, "ase")
    require_name(theory, METHODS)
    method = METHODS[theory.method]
    require_keywords(theory, method.keywords)
    surface = method.surface({name: float(value) for name, value in theory.keywords})
    return SurfaceLabeler(theory, surface, version=f"ase {__version__}")


def check_ase_theory(theory: Theory, structure: Structure) -> None:
    """Raises `UnknownTheory` if the method does not exist or not for these elements."""
    check_by_computing(ase_labeler(theory), structure)


def _emt(_: Mapping[str, float]) -> Surface:
    from ase.calculators.emt import EMT

    return _from_calculator(EMT())


def _lennard_jones(keywords: Mapping[str, float]) -> Surface:
    from ase.calculators.lj import LennardJones

    return _from_calculator(LennardJones(**{"rc": 10.0, "smooth": True, **keywords}))


def _morse(keywords: Mapping[str, float]) -> Surface:
    from ase.calculators.morse import MorsePotential

    return _from_calculator(MorsePotential(**keywords))


def _leps(_: Mapping[str, float]) -> Surface:
    def surface(structure: Structure) -> Computed:
        if structure.numbers != (1, 1, 1) or structure.cell is not None:
            raise ValueError(f"the LEPS surface is of three hydrogen atoms, not of {structure.formula}")
        return Computed(*leps(structure.positions))

    return surface


def _from_calculator(calculator: Calculator) -> Surface:
    has_stress = "stress" in calculator.implemented_properties

    def surface(structure: Structure) -> Computed:
        atoms = to_ase(structure)
        atoms.calc = calculator
        energy, forces = float(atoms.get_potential_energy()), atoms.get_forces()
        # along a direction that does not repeat there is no strain, and the volume means nothing
        stress = atoms.get_stress(voigt=False) if has_stress and all(structure.pbc) else None
        return Computed(energy, forces, stress=stress)

    return surface


METHODS = {
    "emt": _Method(_emt),
    "leps": _Method(_leps),
    "lj": _Method(_lennard_jones, {"sigma": POSITIVE, "epsilon": NUMBER, "rc": POSITIVE}),
    "morse": _Method(_morse, {"r0": POSITIVE, "epsilon": NUMBER, "rho0": POSITIVE}),
}
"""Another calculator of ASE is one more entry."""
