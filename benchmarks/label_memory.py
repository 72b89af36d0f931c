"""How far memory that was predicted from earlier labels is from what a label then needs. Part of `label.py`."""

from __future__ import annotations

import statistics

import numpy as np
from ase.build import molecule
from figure import Figure

from reactal.chem import Label, Structure, Theory
from reactal.labeling.base import LabelingResources
from reactal.labeling.cost import CostModel
from reactal.labeling.psi4 import Psi4Labeler

__all__ = ["memory_figures"]

MOLECULES = ("H2O", "CH4", "CH3OH", "C2H6", "CH3CHO", "C3H8", "C4H4O")
LARGEST = "C6H6"  # predicted from all the others
RATTLE = 0.02  # angstrom
GOAL = 0.25


def memory_figures(theory: Theory, *, each: int) -> list[Figure]:
    """Labels of several sizes in any order, each predicted from those before it; then one larger than all."""
    random, model, errors = np.random.default_rng(0), CostModel(), []
    labeler = Psi4Labeler(theory, LabelingResources())
    try:
        for name in random.permutation(MOLECULES * each):
            structure = rattled(str(name), random)
            needed = memory_of(labeler, structure, model)
            if needed is not None:
                errors.append(needed)
        beyond = memory_of(labeler, rattled(LARGEST, random), model)
    finally:
        labeler.close()
    assert beyond is not None, "the largest molecule is too far beyond the others"
    error = round(statistics.median(errors), 3)
    return [
        Figure("label.memory_prediction_error", error, "", None, None, f"<= {GOAL}", met=error <= GOAL, runs=len(errors)),
        Figure("label.memory_prediction_error_beyond", round(beyond, 3), "", None, None, "none", met=True, runs=1),
    ]


def memory_of(labeler: Psi4Labeler, structure: Structure, model: CostModel) -> float | None:
    """The relative error of the prediction, which is learnt from afterwards; None where there was none yet."""
    expected = model.memory_mib(structure)
    label = labeler.compute(structure)
    assert isinstance(label, Label), label
    measured = label.attempts[-1].memory_mib
    assert measured is not None, "this system does not say what a process has had resident"
    model.learn(structure, label)
    return None if expected is None else abs(expected / measured - 1)


def rattled(name: str, random: np.random.Generator) -> Structure:
    atoms = molecule(name)
    return Structure.from_symbols(atoms.get_chemical_symbols(), atoms.positions + random.normal(0, RATTLE, atoms.positions.shape))
