"""Whether learned guesses of a molecule are worth it, by the iterations that they and fresh ones took."""

from __future__ import annotations

from typing import List, Optional

LOOKED_AT = 6  # of the latest of each kind
REST = 20  # labels without learned guesses after those that were no better than fresh ones
SAMPLES = (10, 80)  # one in so many is compared; fewer, in doublings, the longer nothing was found


class Tally:
    """Of one molecule at one theory."""

    def __init__(self) -> None:
        self._fresh: List[int] = []
        self._learned: List[int] = []
        self._resting = 0
        self._since, self._interval = 0, SAMPLES[0]

    def fresh(self, iterations: Optional[int]) -> None:
        """From a guess that knew nothing."""
        if iterations:
            self._fresh = [*self._fresh, iterations][-LOOKED_AT:]

    def learned(self, iterations: Optional[int]) -> None:
        if iterations:
            self._learned = [*self._learned, iterations][-LOOKED_AT:]
        self._judge()

    def failed(self) -> None:
        """A learned guess did not converge, which took as long as several."""
        self._learned = [*self._learned, 2 * max(self._fresh, default=50)][-LOOKED_AT:]
        self._judge()

    def _judge(self) -> None:
        full = len(self._learned) >= LOOKED_AT // 2 and self._fresh
        if full and sum(self._learned) / len(self._learned) >= sum(self._fresh) / len(self._fresh):
            self._resting, self._learned = REST, []

    def is_resting(self) -> bool:
        """Asked once for each label."""
        self._resting = max(0, self._resting - 1)
        return self._resting > 0

    def is_sample(self) -> bool:
        """Whether this learned guess is one of those that are compared with a fresh one."""
        self._since += 1
        if self._since < self._interval:
            return False
        self._since, self._interval = 0, min(2 * self._interval, SAMPLES[1])
        return True

    def distrust(self) -> None:
        """A comparison found another state: as often again as at the beginning."""
        self._since, self._interval = 0, SAMPLES[0]
