"""Searches that go side by side: what all of them ask for next is answered by one call of the potential.

A search is a generator: it yields the structures it wants to know about, is sent what the potential says of them, and
returns what it found. It need not know that there are others.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeVar

import numpy as np

from reactal.chem import Frames
from reactal.potentials.base import Potential, Prediction

__all__ = ["Search", "in_lockstep"]

Found = TypeVar("Found")
Search = Generator[Frames, Prediction, Found]


def in_lockstep(potential: Potential, searches: Sequence[Search[Found]]) -> list[Found]:
    """What each found, in their order. A search alone sees exactly the calls that it asks for."""
    found: dict[int, Found] = {}
    answers: list[Prediction | None] = [None] * len(searches)
    open_ones = list(range(len(searches)))
    while open_ones:
        asked: dict[int, Frames] = {}
        for i in open_ones:
            answer = answers[i]
            try:
                asked[i] = next(searches[i]) if answer is None else searches[i].send(answer)
            except StopIteration as end:
                found[i] = end.value
        open_ones = list(asked)
        for i, answer in zip(asked, _answered(potential, list(asked.values())), strict=True):
            answers[i] = answer
    return [found[i] for i in range(len(searches))]


def _answered(potential: Potential, asked: Sequence[Frames]) -> list[Prediction]:
    if len(asked) < 2:
        return [potential.predict(frames) for frames in asked]
    said = potential.predict(Frames.concat(list(asked)))
    rows = np.cumsum([0, *(len(frames) for frames in asked)])
    atoms = np.cumsum([0, *(len(frames.numbers) for frames in asked)])
    return [
        Prediction(
            energy=said.energy[rows[i] : rows[i + 1]],
            forces=said.forces[atoms[i] : atoms[i + 1]],
            energy_spread=said.energy_spread[rows[i] : rows[i + 1]],
            force_spread=said.force_spread[atoms[i] : atoms[i + 1]],
        )
        for i in range(len(asked))
    ]
