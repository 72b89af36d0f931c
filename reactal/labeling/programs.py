"""From a theory to what computes it: the one place that knows every program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

from reactal.chem import Structure, Theory
from reactal.errors import ConfigError
from reactal.labeling.base import Labeler, LabelingResources
from reactal.labeling.theory_names import hint

__all__ = ["PROGRAMS", "Inside", "Program", "check_theory", "make_labeler"]


@final
@dataclass(frozen=True)
class Inside:
    """A program that runs in a child, as the child sees it. `require` says, without the program, what is wrong with a theory."""

    require: Callable[[Theory], None]
    make: Callable[[Theory, LabelingResources], Labeler]
    check: Callable[[Theory, Structure, LabelingResources], None]


@final
@dataclass(frozen=True)
class Program:
    """How to make a slot for a theory, and how to ask the program beforehand whether it can compute one."""

    make: Callable[[Theory, LabelingResources | None], Labeler]
    check: Callable[[Theory, Structure, LabelingResources | None], None]
    inside: Inside | None = None

    @classmethod
    def immediate(cls, make: Callable[[Theory], Labeler], check: Callable[[Theory, Structure], None]) -> Program:
        """One that answers at once in this process, so that no resource limits it."""
        return cls(lambda theory, _: make(theory), lambda theory, structure, _: check(theory, structure))

    @classmethod
    def apart(cls, inside: Inside) -> Program:
        """One that may hang or die: every slot has a child for it, which keeps to the resources."""
        from reactal.labeling.apart import ApartLabeler, check_apart

        def make(theory: Theory, resources: LabelingResources | None) -> Labeler:
            inside.require(theory)
            return ApartLabeler(theory, resources)

        def check(theory: Theory, structure: Structure, resources: LabelingResources | None) -> None:
            inside.require(theory)
            check_apart(theory, structure, resources)

        return cls(make, check, inside)


def make_labeler(theory: Theory, resources: LabelingResources | None = None) -> Labeler:
    """A slot for this theory. Raises `ConfigError` for an unknown program or keyword; starts nothing yet."""
    return _program(theory).make(theory, resources)


def check_theory(theory: Theory, structure: Structure, resources: LabelingResources | None = None) -> None:
    """Ask the program whether it can compute this theory for these elements, before a label is spent.

    Raises `UnknownTheory` or `ConfigError` with one sentence and, where there is one, the nearest name.
    """
    _program(theory).check(theory, structure, resources)


def _program(theory: Theory) -> Program:
    if theory.program not in PROGRAMS:
        raise ConfigError(f"program {theory.program!r} of theory {theory.name} is unknown; {hint(theory.program, PROGRAMS)}")
    return PROGRAMS[theory.program]()


# each imports its program's module only when a theory asks for it


def _psi4() -> Program:
    from reactal.labeling.psi4 import Psi4Labeler, check_psi4_theory

    return Program(Psi4Labeler, check_psi4_theory)


def _ase() -> Program:
    """ASE's own little surfaces at once; a program that ASE drives in a child."""
    from reactal.labeling.ase import ase_labeler, check_ase_theory
    from reactal.labeling.ase_programs import CALCULATOR, calculator_labeler, check_calculator, require_calculator

    here = Program.immediate(ase_labeler, check_ase_theory)
    inside = Inside(require_calculator, calculator_labeler, check_calculator)
    apart = Program.apart(inside)

    def way(theory: Theory) -> Program:
        return apart if CALCULATOR in dict(theory.keywords) else here

    return Program(
        lambda theory, resources: way(theory).make(theory, resources),
        lambda theory, structure, resources: way(theory).check(theory, structure, resources),
        inside,
    )


def _xtb() -> Program:
    from reactal.labeling.xtb import check_xtb_theory, xtb_labeler

    return Program.immediate(xtb_labeler, check_xtb_theory)


def _pool() -> Program:
    from reactal.labeling.lookup import check_lookup_theory, lookup_labeler

    return Program.immediate(lookup_labeler, check_lookup_theory)


def _teacher() -> Program:
    from reactal.labeling.teacher import check_teacher_theory, teacher_labeler

    return Program.immediate(teacher_labeler, check_teacher_theory)


def _pyscf() -> Program:
    from reactal.labeling.pyscf import check_pyscf_theory, pyscf_labeler, require_pyscf_names

    return Program.apart(Inside(require_pyscf_names, pyscf_labeler, check_pyscf_theory))


def _qcengine() -> Program:
    from reactal.labeling.qcengine import check_qcengine_theory, qcengine_labeler, require_qcengine_names

    return Program.apart(Inside(require_qcengine_names, qcengine_labeler, check_qcengine_theory))


def _deepscf() -> Program:
    from reactal.labeling.deepscf import check_deepscf_theory, deepscf_labeler, require_deepscf_names

    return Program.apart(Inside(require_deepscf_names, deepscf_labeler, check_deepscf_theory))


PROGRAMS: Mapping[str, Callable[[], Program]] = {
    "psi4": _psi4,
    "ase": _ase,
    "xtb": _xtb,
    "pyscf": _pyscf,
    "qcengine": _qcengine,
    "pool": _pool,
    "teacher": _teacher,
    "deepscf": _deepscf,
}
"""Another program is one more entry; `reactal.config.TheorySection` names them too."""
