"""Labels from GFN-xTB by tblite, in this process: milliseconds each. Periodic cells get a stress."""

from __future__ import annotations

from importlib.metadata import version
from typing import final

import numpy as np

from reactal.chem import FailureKind, Structure, Theory
from reactal.errors import LabelerUnavailable
from reactal.labeling.surface import Computed, NoLabel, SurfaceLabeler, check_by_computing
from reactal.labeling.theory_names import POSITIVE, WHOLE, require_keywords, require_name, require_program
from reactal.potentials.xtb import METHODS, NotConverged, Xtb, xtb_is_installed
from reactal.units import HARTREE, KELVIN

__all__ = ["check_xtb_theory", "xtb_labeler"]

KEYWORDS = {"accuracy": POSITIVE, "electronic_temperature": POSITIVE, "max_iterations": WHOLE}
"""The temperature in kelvin; tblite's accuracy 1 leaves forces exact to some 1e-5 eV/angstrom, smaller is tighter."""
DEFAULTS = {"accuracy": 0.01}
"""What tblite is told where the theory says nothing. Stored labels rest on it: it never changes."""


def xtb_labeler(theory: Theory) -> SurfaceLabeler:
    """A `Labeler` for theories of program `xtb`: gfn2/none, gfn1/none, ipea1/none."""
    require_program(theory, "xtb")
    require_name(theory, METHODS)
    require_keywords(theory, KEYWORDS)
    if not xtb_is_installed():
        raise LabelerUnavailable(f"theory {theory.name} of program xtb needs tblite: pip install tblite")
    return SurfaceLabeler(theory, _Surface(theory).compute, version=f"xtb (tblite {version('tblite')})")


def check_xtb_theory(theory: Theory, structure: Structure) -> None:
    """Raises `UnknownTheory` if the method does not exist or not for these elements."""
    check_by_computing(xtb_labeler(theory), structure)


@final
class _Surface:
    def __init__(self, theory: Theory) -> None:
        keywords = {**DEFAULTS, **{name: float(value) for name, value in theory.keywords}}
        settings: dict[str, float | int] = {"accuracy": keywords["accuracy"]}
        if "electronic_temperature" in keywords:
            settings["temperature"] = keywords["electronic_temperature"] * KELVIN / HARTREE
        if "max_iterations" in keywords:
            settings["max-iter"] = int(keywords["max_iterations"])
        self._xtb = Xtb(theory.method, settings)

    def compute(self, structure: Structure) -> Computed:
        try:
            found = self._xtb.single_point(
                structure.numbers,
                structure.positions - structure.positions.mean(axis=0),  # lattice sums end where they are asked from
                charge=structure.charge,
                multiplicity=structure.multiplicity,
                cell=structure.cell,
                pbc=structure.pbc,
            )
        except NotConverged as error:
            raise NoLabel(FailureKind.SCF_NOT_CONVERGED, str(error)) from error
        if structure.cell is None or not any(structure.pbc):
            return Computed(found.energy, found.forces, dipole=found.dipole)
        stress = found.virial / abs(np.linalg.det(structure.cell)) if all(structure.pbc) else None
        return Computed(found.energy, found.forces, stress=stress)
