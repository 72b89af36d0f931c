"""Pools of ethanol-like geometries with made-up predictions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from reactal.chem import Frames, Label, Structure

VINYL = Structure.from_symbols(
    "CCOHHHH",
    [
        [-1.14, -0.16, 0.0],
        [0.06, 0.42, 0.0],
        [1.21, -0.26, 0.0],
        [-1.25, -1.23, 0.0],
        [-2.02, 0.46, 0.0],
        [0.18, 1.49, 0.0],
        [1.94, 0.36, 0.0],
    ],
)

MakePool = Callable[..., Frames]


@pytest.fixture
def make_pool() -> MakePool:
    """n rattled copies of vinyl alcohol with columns as exploration writes them."""

    def make(n: int, *, seed: int = 0, rattle: float = 0.08, disagreement: np.ndarray | None = None) -> Frames:
        rng = np.random.default_rng(seed)
        places = VINYL.positions + rattle * rng.normal(size=(n, len(VINYL), 3))
        doubt = rng.uniform(0.1, 1.0, n) if disagreement is None else disagreement
        return Frames.repeat(
            VINYL, places, disagreement=doubt, energy_predicted=rng.normal(-100.0, 0.3, n), source=np.full(n, "dynamics")
        )

    return make


@pytest.fixture
def labelled() -> Callable[[Frames], Frames]:
    """The same frames with labels, as a dataset has them."""

    def label(frames: Frames) -> Frames:
        labels = [Label(s.key, "t", -100.0 + 0.01 * i, np.zeros((len(s), 3))) for i, s in enumerate(frames.structures())]
        return Frames.of(list(frames.structures()), labels)

    return label
