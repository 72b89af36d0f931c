"""Labels from any program that QCEngine can run and that is installed here. Runs in a child (`apart`).

The theory's keyword `harness` names the program as QCEngine does (xtb, mopac, dftd4, ...), the others are handed to it. The basis
`none` is none.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from reactal.chem import FailureKind, Structure, Theory
from reactal.errors import ConfigError, LabelerUnavailable, UnknownTheory
from reactal.labeling.base import LabelingResources
from reactal.labeling.surface import Computed, NoLabel, Surface, SurfaceLabeler
from reactal.labeling.theory_names import NO_BASIS, hint, require_program
from reactal.units import BOHR, HARTREE

__all__ = ["check_qcengine_theory", "qcengine_labeler", "require_qcengine_names"]

HARNESS = "harness"
KINDS = {
    "input_error": FailureKind.INVALID_INPUT,
    "resource_error": FailureKind.OUT_OF_MEMORY,
    "convergence_error": FailureKind.SCF_NOT_CONVERGED,
}
"""QCEngine's words for what went wrong; another is a crash."""
MIB_PER_GIB = 1024


def require_qcengine_names(theory: Theory) -> None:
    """What can be said without QCEngine. `ConfigError`."""
    require_program(theory, "qcengine")
    if not isinstance(dict(theory.keywords).get(HARNESS), str):
        raise ConfigError(
            f"theory {theory.name} of program qcengine needs the keyword {HARNESS}: the program's name, such as xtb"
        )


def qcengine_labeler(theory: Theory, resources: LabelingResources) -> SurfaceLabeler:
    """A `Labeler` for theories of program `qcengine`."""
    require_qcengine_names(theory)
    if find_spec("qcengine") is None:
        raise LabelerUnavailable(f"theory {theory.name} of program qcengine needs QCEngine: pip install qcengine")
    import qcengine

    harness = _harness(theory)
    if harness not in qcengine.list_all_programs():
        known = sorted(qcengine.list_all_programs())
        raise UnknownTheory(f"theory {theory.name}: QCEngine has no harness {harness!r}; {hint(harness, known)}")
    if harness not in qcengine.list_available_programs():
        raise LabelerUnavailable(f"theory {theory.name}: QCEngine does not find {harness} on this machine; install it")
    version = f"qcengine {qcengine.__version__} ({harness} {qcengine.get_program(harness).get_version()})"
    return SurfaceLabeler(theory, _surface(theory, resources), version=version)


def check_qcengine_theory(theory: Theory, structure: Structure, resources: LabelingResources) -> None:
    """Raises `UnknownTheory` if the program refuses the method; costs one energy: no harness lists its methods."""
    qcengine_labeler(theory, resources)
    answer = _compute(theory, structure, resources, driver="energy")
    if not answer["success"]:
        raise UnknownTheory(f"theory {theory.name} does not work for {structure.formula}: {_reason(answer)}")


def _surface(theory: Theory, resources: LabelingResources) -> Surface:
    def surface(structure: Structure) -> Computed:
        if structure.cell is not None:
            raise NoLabel(FailureKind.INVALID_INPUT, "QCEngine has no periodic cells; label molecules")
        answer = _compute(theory, structure, resources, driver="gradient")
        if not answer["success"]:
            raise NoLabel(KINDS.get(answer["error"]["error_type"], FailureKind.CRASHED), _reason(answer))
        properties = answer["properties"]
        dipole = properties.get("scf_dipole_moment")
        return Computed(
            energy=float(properties["return_energy"]) * HARTREE,
            forces=-np.asarray(answer["return_result"], dtype=np.float64).reshape(-1, 3) * (HARTREE / BOHR),
            dipole=None if dipole is None else np.asarray(dipole) * BOHR,
            scf_iterations=properties.get("scf_iterations"),
        )

    return surface


def _compute(theory: Theory, structure: Structure, resources: LabelingResources, *, driver: str) -> dict[str, Any]:
    import qcengine

    harness = _harness(theory)
    request = {
        "schema_name": "qcschema_atomic_input",
        "schema_version": 2,
        "molecule": {
            "symbols": list(structure.symbols),
            "geometry": (structure.positions / BOHR).ravel().tolist(),
            "molecular_charge": structure.charge,
            "molecular_multiplicity": structure.multiplicity,
            "fix_com": True,
            "fix_orientation": True,
        },
        "specification": {
            "program": harness,
            "driver": driver,
            "model": {"method": theory.method, "basis": None if theory.basis == NO_BASIS else theory.basis},
            "keywords": {name: value for name, value in theory.keywords if name != HARNESS},
        },
    }
    limits = {"ncores": resources.threads, "memory": resources.memory_mib / MIB_PER_GIB, "scratch_directory": "."}
    answer: dict[str, Any] = qcengine.compute(request, harness, task_config=limits, return_dict=True)
    return answer


def _harness(theory: Theory) -> str:
    return str(dict(theory.keywords)[HARNESS]).lower()


def _reason(answer: dict[str, Any]) -> str:
    """The last line that says something: QCEngine hands on whole tracebacks."""
    lines = [line.strip() for line in str(answer["error"]["error_message"]).splitlines() if line.strip()]
    return lines[-1] if lines else str(answer["error"]["error_type"])
