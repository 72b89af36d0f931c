"""Labels from programs that ASE drives: CP2K, GPAW, and any other calculator that ASE knows. Each runs in a child (`apart`).

The theory's keyword `calculator` names it as ASE does. CP2K and GPAW take the functional from the method, the basis or mode from
the basis, charge and multiplicity from the structure. Any other gets the keywords as they are, and neutral closed shells only:
what it calls a charge is its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import FailureKind, Structure, Theory
from reactal.chem.convert import to_ase
from reactal.errors import ConfigError, LabelerUnavailable, UnknownTheory
from reactal.labeling.base import LabelingResources
from reactal.labeling.surface import Computed, NoLabel, Surface, SurfaceLabeler
from reactal.labeling.theory_names import POSITIVE, WHOLE, Rule, hint, require_keywords, require_program
from reactal.units import HARTREE

if TYPE_CHECKING:
    from ase import Atoms
    from ase.calculators.calculator import Calculator

__all__ = ["CALCULATOR", "calculator_labeler", "check_calculator", "require_calculator"]

CALCULATOR = "calculator"
VACUUM = 5.0  # angstrom around a molecule, where the program needs a cell and the keywords say nothing
COMMANDS_AND_FILES = ("atoms", "command", "directory", "inp", "label", "logfile", "profile", "restart", "template", "txt")
"""Keywords of ASE's calculators that name a program, a file or a text of input: never taken from a campaign file."""

Settings = Mapping[str, Any]


@final
@dataclass(frozen=True)
class _Known:
    """A calculator that reactal knows how to ask: its keywords, and how one is made for a kind of structure."""

    make: Callable[[Theory, Settings, Structure], Calculator]
    keywords: Mapping[str, Rule] = field(default_factory=dict)
    in_cell: bool = True


def require_calculator(theory: Theory) -> None:
    """What can be said without the program. `ConfigError`."""
    require_program(theory, "ase")
    name, settings = _asked(theory)
    if name in KNOWN:
        require_keywords(theory, {CALCULATOR: (lambda _: True, "a name"), **KNOWN[name].keywords})
    for word in settings:
        if word in COMMANDS_AND_FILES:
            raise ConfigError(
                f"theory {theory.name}: keyword {word} of {name} is a program or a file; those stand in ASE's configuration"
            )


def calculator_labeler(theory: Theory, resources: LabelingResources) -> SurfaceLabeler:
    """A `Labeler` for theories of program `ase` with the keyword `calculator`, such as pbe/dzvp-molopt-sr-gth of cp2k."""
    from ase import __version__
    from ase.calculators.calculator import external_calculators
    from ase.calculators.names import names

    require_calculator(theory)
    name, _ = _asked(theory)
    known = sorted({*names, *external_calculators, *KNOWN})
    if name not in known:
        raise UnknownTheory(f"theory {theory.name}: ASE has no calculator {name!r}; {hint(name, known)}")
    return SurfaceLabeler(theory, _surface(theory, resources), version=f"ase {__version__} ({name})")


def check_calculator(theory: Theory, structure: Structure, resources: LabelingResources) -> None:
    """Raises `LabelerUnavailable` where the program is not here, `UnknownTheory` where it refuses the settings."""
    calculator_labeler(theory, resources)
    name, _ = _asked(theory)
    try:
        _made(theory, structure)
    except NoLabel as reason:
        raise UnknownTheory(f"theory {theory.name} does not work for {structure.formula}: {reason}") from reason
    except Exception as error:  # ASE has no word of its own for a program that is not there
        raise LabelerUnavailable(f"theory {theory.name}: ASE cannot start {name}: {type(error).__name__}: {error}") from error


def _surface(theory: Theory, resources: LabelingResources) -> Surface:  # noqa: ARG001 - threads come by OMP_NUM_THREADS
    name, settings = _asked(theory)
    known = KNOWN.get(name)
    kept: dict[tuple[int, int, tuple[int, ...]], Calculator] = {}

    def surface(structure: Structure) -> Computed:
        atoms = to_ase(structure)
        if known is not None and known.in_cell and structure.cell is None:
            _put_in_box(atoms, float(settings.get("vacuum", VACUUM)))
        kind = (structure.charge, structure.multiplicity, structure.numbers)
        if kind not in kept:
            kept.clear()  # one program at a time is in memory
            kept[kind] = _made(theory, structure)
        atoms.calc = kept[kind]
        energy, forces = float(atoms.get_potential_energy()), np.asarray(atoms.get_forces(), dtype=np.float64)
        return Computed(energy, forces, stress=_stress(atoms) if all(structure.pbc) else None)

    return surface


def _asked(theory: Theory) -> tuple[str, dict[str, Any]]:
    """The calculator's name, and what it is told."""
    settings = dict(theory.keywords)
    name = settings.pop(CALCULATOR, None)
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(
            f"theory {theory.name} of program ase: the keyword {CALCULATOR} is {name!r}; it must be a name such as cp2k"
        )
    return name.strip().lower(), settings


def _made(theory: Theory, structure: Structure) -> Calculator:
    name, settings = _asked(theory)
    if name in KNOWN:
        return KNOWN[name].make(theory, settings, structure)
    if structure.charge or structure.multiplicity != 1:
        raise NoLabel(
            FailureKind.INVALID_INPUT,
            f"reactal does not know how {name} is told a charge or a multiplicity; label neutral closed shells",
        )
    from ase.calculators.calculator import get_calculator_class

    made: Calculator = get_calculator_class(name)(**settings)
    return made


def _stress(atoms: Atoms) -> NDArray[np.float64] | None:
    """Of a periodic cell, where the calculator has it in this mode."""
    from ase.calculators.calculator import PropertyNotImplementedError

    try:
        return np.asarray(atoms.get_stress(voigt=False), dtype=np.float64)
    except (PropertyNotImplementedError, NotImplementedError):
        return None


def _put_in_box(atoms: Atoms, vacuum: float) -> None:
    """Around the middle of the atoms, in whole angstrom, so that it stays the same while the molecule moves a little."""
    extent = np.ptp(atoms.positions, axis=0)
    atoms.set_cell(np.ceil(extent + 2 * vacuum + 0.5))
    atoms.positions += atoms.cell.lengths() / 2 - atoms.positions.mean(axis=0)


def _cp2k(theory: Theory, settings: Settings, structure: Structure) -> Calculator:
    from ase.calculators.cp2k import CP2K

    periodic = all(structure.pbc)
    return CP2K(
        xc=theory.method.upper(),
        basis_set=theory.basis.upper(),
        basis_set_file=str(settings.get("basis_set_file", "BASIS_MOLOPT")),
        pseudo_potential=str(settings.get("pseudo_potential", "auto")),
        cutoff=float(settings.get("cutoff_ry", 400)) * HARTREE / 2,
        max_scf=int(settings.get("max_scf", 50)),
        charge=structure.charge,
        multiplicity=structure.multiplicity,
        uks=structure.multiplicity > 1,
        stress_tensor=periodic,
        poisson_solver="auto",
        print_level="LOW",
        label="cp2k",
    )


def _gpaw(theory: Theory, settings: Settings, structure: Structure) -> Calculator:
    if find_spec("gpaw") is None:
        raise LabelerUnavailable(f"theory {theory.name} of calculator gpaw needs GPAW in this Python: pip install gpaw")
    mode, _, number = theory.basis.partition("-")
    if mode not in ("lcao", "pw", "fd"):
        raise UnknownTheory(f"theory {theory.name}: basis {theory.basis!r} of gpaw is none of lcao-dzp, pw-400 (eV) or fd")
    unpaired = structure.multiplicity - 1
    k_points = int(settings.get("k_points", 1))
    told: dict[str, Any] = {
        "mode": {"name": "pw", "ecut": float(number or 400)} if mode == "pw" else mode,
        "xc": theory.method.upper(),
        "charge": structure.charge,
        "txt": None,
        "kpts": (k_points,) * 3 if all(structure.pbc) else (1, 1, 1),
        "convergence": {"density": 1e-6, "forces": 1e-4},
        "symmetry": "off",
    }
    if mode != "pw":
        told["h"] = float(settings.get("spacing", 0.18))
    if mode == "lcao":
        told["basis"] = number or "dzp"
    if unpaired:
        told |= {"spinpol": True, "occupations": {"name": "fermi-dirac", "width": 0.0, "fixmagmom": True}}
        told["magmoms"] = [unpaired / len(structure)] * len(structure)
    made: Calculator = import_module("gpaw").GPAW(**told)
    return made


NAME: Rule = (lambda value: isinstance(value, str) and value.replace("-", "").replace("_", "").isalnum(), "a name")
KNOWN: Mapping[str, _Known] = {
    "cp2k": _Known(
        _cp2k,
        {"basis_set_file": NAME, "cutoff_ry": POSITIVE, "max_scf": WHOLE, "pseudo_potential": NAME, "vacuum": POSITIVE},
    ),
    "gpaw": _Known(_gpaw, {"k_points": WHOLE, "spacing": POSITIVE, "vacuum": POSITIVE}),
}
"""Another calculator that knows charge and multiplicity is one more entry."""
