"""Structures, labels and frames of little water molecules."""

from __future__ import annotations

import numpy as np

from reactal.chem.frames import Frames
from reactal.chem.label import Attempt, FailureKind, Label, LabelFailure
from reactal.chem.structure import Structure
from reactal.chem.theory import Theory

THEORY = Theory.parse("hf/6-31g*", keywords={"scf_type": "df"})
WATER = Structure.from_symbols(["O", "H", "H"], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.96], [0.93, 0.0, -0.24]])


def waters(n: int, *, seed: int = 0) -> list[Structure]:
    rng = np.random.default_rng(seed)
    return [WATER.moved(WATER.positions + rng.normal(scale=0.03, size=(3, 3))) for _ in range(n)]


def label_of(structure: Structure, *, seed: int = 0, theory: str = THEORY.fingerprint) -> Label:
    rng = np.random.default_rng(seed)
    return Label(
        structure.key,
        theory,
        energy=-2068.5 + rng.normal(),
        forces=rng.normal(size=(len(structure), 3)),
        dipole=rng.normal(size=3),
        s_squared=0.0,
        wall_seconds=0.7,
        scf_iterations=9,
        program_version="1.3.2",
        host="here",
        attempts=(Attempt((("guess", "sad"),), "ok", 0.7, "*** exiting successfully\n"),),
    )


def failure_of(structure: Structure, message: str = "did not converge in 100 iterations") -> LabelFailure:
    attempts = (Attempt((("soscf", "true"),), "scf_not_converged", 3.0, "tail"), Attempt())
    return LabelFailure(structure.key, THEORY.fingerprint, FailureKind.SCF_NOT_CONVERGED, message, attempts)


def labelled(n: int, *, seed: int = 0) -> Frames:
    structures = waters(n, seed=seed)
    labels = [label_of(structure, seed=seed + i) for i, structure in enumerate(structures)]
    return Frames.of(structures, labels, source=["path"] * n, iteration=np.arange(n))
