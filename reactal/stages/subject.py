"""What is validated: a potential with all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from reactal.chem import Frames
from reactal.potentials.base import Potential
from reactal.sections import Goals
from reactal.stages.ends import Ends

__all__ = ["Subject"]


@final
@dataclass(frozen=True, eq=False)
class Subject:
    """`name` is its id or place. Where they are known: `training` are the structures it was trained on, `ends` those of its
    reaction, `factor` turns its disagreement into a bound on the force error that holds with probability `coverage`.
    `relative`: its zero of energy is another one than the labels'."""

    potential: Potential
    name: str
    goals: Goals
    training: Frames | None = None
    ends: Ends | None = None
    factor: float | None = None
    coverage: float | None = None
    relative: bool = False
