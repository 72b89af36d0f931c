"""In which order and in what portions labels are computed: the longest first, so that the slots finish together.

Longest processing time first is within 4/3 - 1/(3m) of the best possible makespan on m slots (R. L. Graham, SIAM J. Appl. Math.
17, 416 (1969)), and much closer where no single label is a large share of a slot's work. Where slots differ in memory, a slot
takes those first that fewest others have room for, and among these the longest (least flexible job first: M. L. Pinedo,
Scheduling, chapter 5, optimal for equal labels in nested classes).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from typing import final

from reactal.chem import Structure
from reactal.labeling.cost import CostModel

__all__ = ["LongestFirst"]

PORTION_S = 0.1  # of work in one portion; longer labels go one by one
STORING_S = 3e-3  # to write a label down, whatever its computation took
MOST = 32  # labels in a portion: what a driver waits for that wants to stop


@final
class LongestFirst:
    """A queue of structures by key. Those that are expected to take equally long keep their order.

    `rooms_mib` has the memory of the slots of each class, ascending; 0: as much as is needed. A structure is for the first class
    that has room for it, and for those after it; what no class has room for, or nothing is known of, is for the last, or for all.
    Ranked anew each time the model has seen twice as many labels. Safe to use from several threads.
    """

    def __init__(self, structures: Mapping[str, Structure], model: CostModel, rooms_mib: Sequence[float] = (0.0,)) -> None:
        self._structures = structures
        self._model = model
        self._rooms_mib = [room or math.inf for room in rooms_mib]
        self._lock = threading.RLock()
        self._floors: dict[str, int] = {}  # classes whose room has proved too little
        self._waiting: list[list[str]] = [[] for _ in rooms_mib]  # of each class; the next one is last
        self._waiting[0] = list(structures)[::-1]
        self._ranked_at = -1

    def __len__(self) -> int:
        return sum(map(len, self._waiting))

    def has(self, level: int) -> bool:
        """Whether anything waits that a slot of this class has room for."""
        with self._lock:
            self._rank_again()
            return any(self._waiting[: level + 1])

    def pop(self, level: int = -1) -> str:
        """The key of the next for a slot of this class, the last one where none is named; `IndexError` where none is left."""
        with self._lock:
            self._rank_again()
            last = len(self._waiting) - 1 if level < 0 else level
            waiting = next((self._waiting[here] for here in range(last, -1, -1) if self._waiting[here]), [])
            return waiting.pop()

    def put_off(self, key: str) -> None:
        """Back to the end, until the queue is ranked anew."""
        with self._lock:
            self._waiting[self._level(key)].insert(0, key)

    def put_up(self, key: str, level: int) -> bool:
        """Back for a larger class than this, whose room was too little; False where there is none."""
        with self._lock:
            if level + 1 >= len(self._waiting):
                return False
            self._floors[key] = level + 1
            self._waiting[self._level(key)].append(key)
            return True

    def portion(self, slots: int, level: int = -1) -> tuple[str, ...]:
        """The next: one key, or several where they are known to be short, never so many that a slot goes without."""
        with self._lock:
            first = self.pop(level)
            if not self._model.observations:
                return (first,)
            here = self._waiting[self._level(first)]
            fit = int(PORTION_S / (self._model.seconds(self._structures[first]) + STORING_S))
            more = min(fit, MOST, len(here) // slots) - 1
            return (first, *(here.pop() for _ in range(more)))

    def _rank_again(self) -> None:
        if self._model.observations < 2 * self._ranked_at:
            return
        self._ranked_at = max(1, self._model.observations)
        waiting = [key for keys in self._waiting for key in keys]
        expected = {key: self._model.seconds(self._structures[key]) for key in waiting}
        waiting.sort(key=expected.__getitem__)  # stable: the shortest is first, equals stay as they are
        self._waiting = [[] for _ in self._rooms_mib]
        for key in waiting:
            self._waiting[self._level(key)].append(key)

    def _level(self, key: str) -> int:
        last = len(self._rooms_mib) - 1
        if not last:
            return 0
        needed = self._model.room_mib(self._structures[key]) or 0.0
        fitting = next((level for level, room in enumerate(self._rooms_mib) if room >= needed), last)
        return max(fitting, self._floors.get(key, 0))
