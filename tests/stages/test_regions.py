"""Which part of a reaction's surface a geometry belongs to."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.stages.ends import Ends
from reactal.stages.regions import DISSOCIATED, STRAINED, TRANSITION, regions

BROKEN, WHOLE = 3.2669, 1.8275  # angstrom, C-Cl of the complexes at HF/6-31G*
SADDLE = 2.383


def chloromethane(left: float, right: float, *, stretch: float = 1.0) -> Structure:
    """Cl-CH3-Cl with its two C-Cl distances; `stretch` of the C-H bonds."""
    angles = np.radians([0, 120, 240])
    hydrogens = [[1.07 * stretch * np.cos(a), 1.07 * stretch * np.sin(a), 0.0] for a in angles]
    return Structure.from_symbols("C Cl Cl H H H".split(), [[0, 0, 0], [0, 0, left], [0, 0, -right], *hydrogens], charge=-1)


@pytest.mark.parametrize(
    ("left", "right", "stretch", "expected"),
    [
        (BROKEN, WHOLE, 1.0, "reactant basin"),
        (WHOLE, BROKEN, 1.0, "product basin"),
        (SADDLE, SADDLE, 1.0, TRANSITION),
        (BROKEN, WHOLE, 1.2, STRAINED),
        (BROKEN, WHOLE * 0.88, 1.0, STRAINED),
        (6.0, WHOLE, 1.0, DISSOCIATED),
        (5.0, 5.0, 1.0, DISSOCIATED),
    ],
)
def test_a_chloride_on_its_way_through_chloromethane(left: float, right: float, stretch: float, expected: str) -> None:
    ends = Ends(chloromethane(BROKEN, WHOLE), chloromethane(WHOLE, BROKEN))
    found = regions(Frames.of([chloromethane(left, right, stretch=stretch)]), ends)
    assert found.tolist() == [expected]
