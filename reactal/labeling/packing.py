"""In which order and in what portions labels are computed: the longest first, so that the slots finish together.

Longest processing time first is within 4/3 - 1/(3m) of the best possible makespan on m slots (R. L. Graham, SIAM J. Appl. Math.
17, 416 (1969)), and much closer where no single label is a large share of a slot's work.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
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

    Ranked anew each time the model has seen twice as many labels. Safe to use from several threads.
    """

    def __init__(self, structures: Mapping[str, Structure], model: CostModel) -> None:
        self._structures = structures
        self._model = model
        self._lock = threading.Lock()
        self._waiting = list(structures)[::-1]  # the next one is last
        self._ranked_at = -1

    def __len__(self) -> int:
        return len(self._waiting)

    def pop(self) -> str:
        """The key of the next; `IndexError` where none is left."""
        with self._lock:
            if self._model.observations >= 2 * self._ranked_at:
                self._rank()
            return self._waiting.pop()

    def put_off(self, key: str) -> None:
        """Back to the end, until the queue is ranked anew."""
        with self._lock:
            self._waiting.insert(0, key)

    def portion(self, slots: int) -> tuple[str, ...]:
        """The next: one key, or several where they are known to be short, never so many that a slot goes without."""
        first = self.pop()
        if not self._model.observations:
            return (first,)
        fit = int(PORTION_S / (self._model.seconds(self._structures[first]) + STORING_S))
        more = min(fit, MOST, len(self) // slots) - 1
        return (first, *(self.pop() for _ in range(more)))

    def _rank(self) -> None:
        self._ranked_at = max(1, self._model.observations)
        expected = {key: self._model.seconds(self._structures[key]) for key in self._waiting}
        self._waiting.sort(key=expected.__getitem__)  # stable: the shortest is first, equals stay as they are
