"""What is tried in turn while an SCF does not converge.

Every rung only changes the way to the solution. The reference, the basis, the grid, the thresholds and a guess that the
theory asks for stay as they are, so the energy that comes out is of the theory whichever rung reached it.
"""

from __future__ import annotations

from reactal.chem import Theory
from reactal.chem.theory import Keyword

__all__ = ["Rung", "rungs"]

Rung = dict[str, Keyword]
PATIENCE = 300  # SCF iterations for the slower ways

_LADDER: tuple[Rung, ...] = (
    {},
    {"damping_percentage": 40.0, "maxiter": PATIENCE},
    {"guess": "gwh", "soscf": True, "maxiter": PATIENCE},
)


def rungs(theory: Theory) -> list[Rung]:
    """The changes of each rung, the first without any; a keyword that the theory fixes is never changed."""
    fixed = {name for name, _ in theory.keywords}
    ladder: list[Rung] = []
    for rung in _LADDER:
        changes = {name: value for name, value in rung.items() if name not in fixed}
        if changes not in ladder:
            ladder.append(changes)
    return ladder
