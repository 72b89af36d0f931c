"""How long a label will take, and how much memory, learnt from those that are done.

log t = a + b log N + c(state), N the basis functions that the atoms would have in a double-zeta basis: the theory's own basis
changes N by nearly the same factor for all molecules, which goes into a. a and b by least squares with b held near PRIOR_EXPONENT
while little is known; c, of each formula, charge and multiplicity, is the mean of its residuals, shrunk as if SHRINKAGE labels
had had none. Of memory see `memory`.
"""

from __future__ import annotations

import math
import threading
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import final

from reactal.chem import FailureKind, Label, Structure, Theory
from reactal.errors import DamagedObject
from reactal.labeling.memory import MemoryModel
from reactal.store.labels import LabelStore

__all__ = ["CostModel", "basis_functions", "learnt_from"]

NOBLE = (2, 10, 18, 36, 54, 86, 118)  # the last element of each period
FUNCTIONS = (5, 14, 18, 31, 37, 50, 60)  # of an atom of each period, as in def2-SVP
PRIOR_EXPONENT = 2.7  # of a density-fitted SCF gradient of small molecules
PRIOR_LOG_SECONDS = math.log(1e-5)  # of one function; a label or two outweigh it
EXPONENT_WEIGHT = 0.5  # residuals of 0.5 in log t, exponents known to 0.7
OFFSET_WEIGHT = 1e-3
SHRINKAGE = 2.0
HISTORY = 64  # stored labels to begin with; their keys are hashes, so the first ones are a fair sample
ENOUGH = 10  # labels before the model may call a program hung,
LARGER = 1.5  # and not for molecules with so many times the functions of the largest seen
SOUND = ("ok", str(FailureKind.SCF_NOT_CONVERGED))  # attempts that ran to their end
PATIENCE_FACTOR, PATIENCE_FLOOR_S = 20.0, 60.0

State = tuple[str, int, int]


def basis_functions(structure: Structure) -> int:
    """In a double-zeta basis with polarisation."""
    return sum(FUNCTIONS[next(i for i, last in enumerate(NOBLE) if number <= last)] for number in structure.numbers)


@dataclass
class _Mean:
    count: int = 0
    total: float = 0.0


@final
class CostModel:
    """Of one theory on one kind of machine. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._x = self._y = self._xx = self._xy = 0.0
        self._largest = 0
        self._states: dict[State, _Mean] = {}
        self._memory = MemoryModel()

    @property
    def observations(self) -> int:
        return self._count

    def learn(self, structure: Structure, label: Label) -> None:
        """One more label. What crashed or hung on the way says nothing of the next, and one that took no time is imported."""
        sound = [attempt for attempt in label.attempts if attempt.outcome in SOUND]
        functions, seconds = basis_functions(structure), sum(attempt.seconds for attempt in sound)
        with self._lock:
            self._memory.learn(functions, max((attempt.memory_mib or 0.0 for attempt in sound), default=0.0))
        if seconds <= 0:
            return
        x, y = math.log(functions), math.log(seconds)
        with self._lock:
            self._count += 1
            self._x, self._y, self._xx, self._xy = self._x + x, self._y + y, self._xx + x * x, self._xy + x * y
            self._largest = max(self._largest, functions)
            mean = self._states.setdefault(_state(structure), _Mean())
            mean.count, mean.total = mean.count + 1, mean.total + y

    def seconds(self, structure: Structure) -> float:
        """Expected for one label; without any label behind it only good for comparing."""
        x = math.log(basis_functions(structure))
        with self._lock:
            offset, exponent = self._line()
            mean = self._states.get(_state(structure), _Mean())
        expected = offset + exponent * x
        if mean.count:
            expected += (mean.total - mean.count * expected) / (mean.count + SHRINKAGE)
        return math.exp(expected)

    def memory_mib(self, structure: Structure) -> float | None:
        """The most that its program is expected to have resident; None while that cannot be said."""
        with self._lock:
            return self._memory.expected_mib(basis_functions(structure))

    def room_mib(self, structure: Structure) -> float | None:
        """As `memory_mib`, with a margin: what its program should be given."""
        with self._lock:
            return self._memory.room_mib(basis_functions(structure))

    def patience(self, structure: Structure) -> float | None:
        """Seconds after which a program that computes this label may be taken for hung; None while that cannot be said."""
        if self._count < ENOUGH or basis_functions(structure) > LARGER * self._largest:
            return None
        return max(PATIENCE_FLOOR_S, PATIENCE_FACTOR * self.seconds(structure))

    def _line(self) -> tuple[float, float]:
        """a and b: the minimum of sum (y - a - b x)^2 + w_a (a - a0)^2 + w_b (b - b0)^2."""
        n, xx = self._count + OFFSET_WEIGHT, self._xx + EXPONENT_WEIGHT
        y = self._y + OFFSET_WEIGHT * PRIOR_LOG_SECONDS
        xy = self._xy + EXPONENT_WEIGHT * PRIOR_EXPONENT
        exponent = (n * xy - self._x * y) / (n * xx - self._x**2)
        return (y - exponent * self._x) / n, exponent


def learnt_from(labels: LabelStore, theory: Theory) -> CostModel:
    """A model that knows a sample of what the store has of this theory."""
    model = CostModel()
    sample = labels.entries(theory.fingerprint, islice(labels.keys(theory.fingerprint), HISTORY))
    with suppress(DamagedObject):  # whoever needs that label is told; this batch may do without it
        for entry in sample:
            if entry is not None and isinstance(entry.outcome, Label):
                model.learn(entry.structure, entry.outcome)
    return model


def _state(structure: Structure) -> State:
    return structure.formula, structure.charge, structure.multiplicity
