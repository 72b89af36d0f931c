"""Labels from PySCF: Hartree-Fock and density functionals. Runs in a child (`apart`)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np

from reactal.chem import FailureKind, Structure, Theory
from reactal.chem.theory import Keyword
from reactal.errors import LabelerUnavailable, UnknownTheory
from reactal.labeling.base import LabelingResources
from reactal.labeling.surface import Computed, NoLabel, Surface, SurfaceLabeler
from reactal.labeling.theory_names import POSITIVE, SWITCH, WHOLE, Rule, hint, require_keywords, require_program
from reactal.units import BOHR, HARTREE

__all__ = ["check_pyscf_theory", "pyscf_labeler", "require_pyscf_names"]

KEYWORDS: Mapping[str, Rule] = {
    "cartesian": SWITCH,
    "conv_tol": POSITIVE,
    "density_fit": SWITCH,
    "grid_level": (lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 9, "0 to 9"),
    "max_cycle": WHOLE,
    "reference": (lambda value: value in ("restricted", "unrestricted"), "restricted or unrestricted"),
}
DEFAULTS: Mapping[str, Keyword] = {"cartesian": False, "conv_tol": 1e-10, "density_fit": False, "grid_level": 4, "max_cycle": 100}
"""What PySCF is told where the theory says nothing; conv_tol in hartree. Stored labels rest on them: they never change."""
WITH_DISPERSION = re.compile(r"(-|x)d\d?[a-z0-9()]*$")
"""b97-d, wb97xd, b3lyp-d3bj: PySCF computes some of them without the dispersion in their name, and says nothing."""


def require_pyscf_names(theory: Theory) -> None:
    """What can be said without PySCF. `UnknownTheory` or `ConfigError`."""
    require_program(theory, "pyscf")
    require_keywords(theory, KEYWORDS)
    if WITH_DISPERSION.search(theory.method):
        raise UnknownTheory(f"theory {theory.name}: program pyscf computes no dispersion corrections; psi4 does")


def pyscf_labeler(theory: Theory, resources: LabelingResources) -> SurfaceLabeler:
    """A `Labeler` for theories of program `pyscf`, such as hf/sto-3g or pbe0/def2-svp."""
    require_pyscf_names(theory)
    if find_spec("pyscf") is None:
        raise LabelerUnavailable(f"theory {theory.name} of program pyscf needs PySCF: pip install pyscf")
    from pyscf import __version__, lib

    lib.num_threads(resources.threads)
    return SurfaceLabeler(theory, _surface(theory, resources), version=f"pyscf {__version__}")


def check_pyscf_theory(theory: Theory, structure: Structure, resources: LabelingResources) -> None:
    """Raises `UnknownTheory` with the nearest name if there is no such functional, or no such basis for these elements."""
    pyscf_labeler(theory, resources)
    from pyscf.dft import libxc
    from pyscf.gto.basis import ALIAS
    from pyscf.lib.exceptions import BasisNotFoundError

    try:
        if theory.method != "hf":
            libxc.parse_xc(theory.method)
    except (KeyError, NotImplementedError, ValueError) as error:
        known = ["hf", *(name.lower().replace("_", "-") for name in (*libxc.XC_ALIAS, *libxc.XC_CODES))]
        raise UnknownTheory(
            f"theory {theory.name}: PySCF has no method {theory.method!r}; {hint(theory.method, known)}"
        ) from error
    try:
        _molecule(theory, structure, resources)
    except (BasisNotFoundError, KeyError) as error:
        near = difflib.get_close_matches(theory.basis.replace("-", ""), list(ALIAS), n=1, cutoff=0.5)
        word = f"did you mean {near[0]}?" if near else "see PySCF's list"
        raise UnknownTheory(
            f"theory {theory.name}: PySCF has no basis {theory.basis!r} for {structure.formula}; {word}"
        ) from error


def _surface(theory: Theory, resources: LabelingResources) -> Surface:
    def surface(structure: Structure) -> Computed:
        if structure.cell is not None:
            raise NoLabel(FailureKind.INVALID_INPUT, "periodic cells are not computed with PySCF here; label molecules")
        field = _mean_field(theory, _molecule(theory, structure, resources), structure)
        energy = float(field.kernel())
        if not field.converged:
            raise NoLabel(FailureKind.SCF_NOT_CONVERGED, f"no convergence within {field.max_cycle} cycles")
        gradients = field.nuc_grad_method()
        if theory.method != "hf":
            gradients.grid_response = True  # without it, forces are not quite the slope of the energy
        s_squared = float(field.spin_square()[0]) if hasattr(field, "spin_square") else None
        return Computed(
            energy=energy * HARTREE,
            forces=-np.asarray(gradients.kernel()) * (HARTREE / BOHR),
            dipole=np.asarray(field.dip_moment(unit="AU", verbose=0)) * BOHR,
            s_squared=s_squared,
            scf_iterations=int(field.cycles),
        )

    return surface


def _molecule(theory: Theory, structure: Structure, resources: LabelingResources) -> Any:
    from pyscf import gto

    return gto.M(
        atom=list(zip(structure.symbols, structure.positions.tolist(), strict=True)),
        unit="Angstrom",
        basis=theory.basis,
        cart=_keyword(theory, "cartesian"),
        charge=structure.charge,
        spin=structure.multiplicity - 1,
        max_memory=resources.memory_mib,
        verbose=0,
    )


def _mean_field(theory: Theory, molecule: Any, structure: Structure) -> Any:
    from pyscf import dft, scf

    wanted = dict(theory.keywords).get("reference", "restricted" if structure.multiplicity == 1 else "unrestricted")
    if wanted == "restricted" and structure.multiplicity != 1:
        raise NoLabel(FailureKind.INVALID_INPUT, f"multiplicity {structure.multiplicity} needs the reference unrestricted")
    if theory.method == "hf":
        field = scf.RHF(molecule) if wanted == "restricted" else scf.UHF(molecule)
    else:
        field = dft.RKS(molecule) if wanted == "restricted" else dft.UKS(molecule)
        field.xc = theory.method
        field.grids.level = _keyword(theory, "grid_level")
    field.conv_tol, field.max_cycle = _keyword(theory, "conv_tol"), _keyword(theory, "max_cycle")
    return field.density_fit() if _keyword(theory, "density_fit") else field


def _keyword(theory: Theory, name: str) -> Keyword:
    return dict(theory.keywords).get(name, DEFAULTS[name])
