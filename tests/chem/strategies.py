"""Structures, labels and frames for property tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from reactal.chem import Frames, Label, Structure

ELEMENTS = (1, 6, 7, 8, 9, 16, 17)


@st.composite
def structures(draw: st.DrawFn, *, periodic: bool = True) -> Structure:
    """Atoms on a jittered grid wide enough that none touch."""
    count = draw(st.integers(1, 7))
    numbers = tuple(draw(st.lists(st.sampled_from(ELEMENTS), min_size=count, max_size=count)))
    places = draw(st.lists(st.integers(0, 63), min_size=count, max_size=count, unique=True))
    jitter = draw(st.lists(st.integers(-300, 300), min_size=3 * count, max_size=3 * count))
    grid = np.asarray([[p % 4, (p // 4) % 4, p // 16] for p in places], dtype=float) * 2.5
    charge = draw(st.integers(-1, 0))
    multiplicity = 1 + (sum(numbers) - charge) % 2
    cell = np.diag([12.0, 13.0, 14.0]) if periodic and draw(st.booleans()) else None
    return Structure(
        numbers,
        grid + np.asarray(jitter).reshape(-1, 3) * 1e-3,
        charge=charge,
        multiplicity=multiplicity,
        cell=cell,
        pbc=(True, False, True) if cell is not None else (False, False, False),
    )


def labels(structure: Structure, seed: int) -> Label:
    rng = np.random.default_rng(seed)
    return Label(structure.key, "theory", float(rng.normal()), rng.normal(size=(len(structure), 3)), wall_seconds=1.5)


@st.composite
def frames(draw: st.DrawFn) -> Frames:
    """Up to six structures, some labelled, with a column of text and one of numbers."""
    members = draw(st.lists(structures(), min_size=0, max_size=6))
    known = [labels(s, i) if draw(st.booleans()) else None for i, s in enumerate(members)]
    roles = np.asarray([f"role {i % 2}" for i in range(len(members))], dtype="<U8")
    return Frames.of(members, known, role=roles, w=np.arange(len(members)) / 4)
