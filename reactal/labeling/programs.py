"""From a theory to what computes it: the one place that knows every program."""

from __future__ import annotations

from reactal.chem import Structure, Theory
from reactal.errors import ConfigError
from reactal.labeling.base import Labeler, LabelingResources

__all__ = ["PROGRAMS", "check_theory", "make_labeler"]

PROGRAMS = ("psi4", "ase")


def make_labeler(theory: Theory, resources: LabelingResources | None = None) -> Labeler:
    """A slot for this theory. Raises `ConfigError` for an unknown program or keyword; starts nothing yet."""
    if theory.program == "psi4":
        from reactal.labeling.psi4 import Psi4Labeler

        return Psi4Labeler(theory, resources)
    if theory.program == "ase":
        from reactal.labeling.ase import AseLabeler

        return AseLabeler(theory)
    raise _unknown(theory)


def check_theory(theory: Theory, structure: Structure, resources: LabelingResources | None = None) -> None:
    """Ask the program whether it can compute this theory for these elements, before a label is spent.

    Raises `UnknownTheory` or `ConfigError` with one sentence and, where there is one, the nearest name.
    """
    if theory.program == "psi4":
        from reactal.labeling.psi4 import check_psi4_theory

        check_psi4_theory(theory, structure, resources)
    elif theory.program == "ase":
        from reactal.labeling.ase import check_ase_theory

        check_ase_theory(theory, structure)
    else:
        raise _unknown(theory)


def _unknown(theory: Theory) -> ConfigError:
    return ConfigError(f"program {theory.program!r} of theory {theory.name} is unknown; known are {', '.join(PROGRAMS)}")
