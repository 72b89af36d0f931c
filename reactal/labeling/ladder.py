"""What is tried in turn while an SCF does not converge.

Every rung only changes the way to the solution. The reference, the basis, the grid, the thresholds and a guess that the
theory asks for stay as they are, so the energy that comes out is of the theory whichever rung reached it.

Damping together with DIIS from the first iteration is no rung: in Psi4 1.3 unrestricted orbitals then stand still far
from convergence (CN, NO, FO, TiO and FeO all did). Damping is for the first steps here, or without DIIS.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from reactal.chem import Theory
from reactal.chem.theory import Keyword
from reactal.errors import ConfigError

__all__ = ["LADDER", "Rung", "rungs"]

PATIENCE = 300  # SCF iterations for the slower ways
GUESS: Mapping[str, Keyword] = {"guess": "gwh"}  # the default is a superposition of atomic densities
SECOND_ORDER: Mapping[str, Keyword] = {"soscf": True, "soscf_max_iter": 20, "maxiter": PATIENCE}
EARLY_DAMPING: Mapping[str, Keyword] = {"damping_percentage": 40.0, "damping_convergence": 1e-2}

LADDER: Mapping[str, Mapping[str, Keyword]] = {
    "default": {},
    "other_guess": GUESS,
    # the level shift is for Psi4 1.4 and newer; the worker leaves out what its Psi4 does not know
    "damping": {**EARLY_DAMPING, "damping_percentage": 30.0, "level_shift": 0.25, "diis_start": 8, "maxiter": PATIENCE},
    "second_order": {**EARLY_DAMPING, **SECOND_ORDER},
    "second_order_other_guess": {**GUESS, **SECOND_ORDER},
    "small_steps": {
        **EARLY_DAMPING,
        "damping_convergence": 1e-7,
        "diis": False,
        "ints_tolerance": 1e-14,
        "maxiter": 2 * PATIENCE,
    },
}
"""By name, in the order that is tried where no other is asked for."""


class Rung(NamedTuple):
    """A name and the options that are changed."""

    name: str
    changes: dict[str, Keyword]


def rungs(theory: Theory, names: Sequence[str] = tuple(LADDER)) -> list[Rung]:
    """The ladder of these names; a keyword that the theory fixes is never changed, and no changes are tried twice.

    Raises `ConfigError` for a name that is no rung's.
    """
    fixed = {name for name, _ in theory.keywords}
    ladder: list[Rung] = []
    for name in names:
        changes = {option: value for option, value in _changes(name).items() if option not in fixed}
        if changes not in [rung.changes for rung in ladder]:
            ladder.append(Rung(name, changes))
    if not ladder:
        raise ConfigError("the SCF ladder has no rung; write for example [default, second_order]")
    return ladder


def _changes(name: str) -> Mapping[str, Keyword]:
    if name in LADDER:
        return LADDER[name]
    near = difflib.get_close_matches(name, LADDER, n=1)
    hint = f"did you mean {near[0]}?" if near else "known are " + ", ".join(LADDER)
    raise ConfigError(f"the SCF ladder has no rung {name!r}; {hint}")
