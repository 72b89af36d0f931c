"""A comparison that takes seconds: H3 on the LEPS surface, with networks far too small to learn it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from reactal.chem import Frames, Structure
from reactal.chem.files import write_labelled
from reactal.comparison.request import Request
from reactal.labeling.leps import leps
from tests.cli.toy import leps_campaign

POOL, TEST = 40, 12


def h3(count: int, *, seed: int) -> Frames:
    """Labelled geometries around the path of H + H2."""
    rng = np.random.default_rng(seed)
    middle = np.linspace(0.75, 1.25, count)
    places = np.zeros((count, 3, 3))
    places[:, 1, 2], places[:, 2, 2] = middle, 2.0
    places += rng.normal(0, 0.05, places.shape)
    template = Structure.from_symbols("HHH", places[0], multiplicity=2)
    said = [leps(place) for place in places]
    frames = Frames.repeat(template, places)
    return replace(frames, energy=np.array([e for e, _ in said]), forces=np.concatenate([f for _, f in said]))


def request(folder: Path, **changes: Any) -> Request:
    """Two seeds of two rounds of two strategies."""
    folder.mkdir(parents=True, exist_ok=True)
    write_labelled(folder / "pool.extxyz", h3(POOL, seed=0))
    test = h3(TEST, seed=1)
    regions = np.where(test.positions[1::3, 2] < 1.0, "left", "right")
    write_labelled(folder / "test.extxyz", test.with_extra(region=regions))
    given = {
        "pool": str(folder / "pool.extxyz"),
        "tests": (str(folder / "test.extxyz"),),
        "out": str(folder / "out"),
        "strategies": ("farthest", "campaign"),
        "seeds": 2,
        "start": 6,
        "batch": 4,
        "rounds": 2,
        "campaign": str(leps_campaign(folder / "campaign")),
        "steps": 8,
        "cluster": "none",
        "tracking": "none",
    }
    return Request(**{**given, **changes})
