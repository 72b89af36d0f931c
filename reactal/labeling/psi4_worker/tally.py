"""Whether learned guesses of a molecule are worth it, by the iterations that they and fresh ones took."""

from __future__ import annotations

from typing import List, Optional

LOOKED_AT = 6  # of the latest of each kind
REST = 20  # labels without learned guesses after those that were no better than fresh ones,
FAILURES = 2  # or so many running that did not converge
NEARBY, NEAREST = 0.5, 0.05  # angstrom; how far the nearest image may be at most, and may always
CLOSER, FARTHER, SLOWLY = 0.8, 1.25, 1.05  # what becomes of that after a guess of no use, a useful one, and any label
SAMPLES = (10, 80)  # one in so many is compared; fewer, in doublings, the longer nothing was found


class Tally:
    """Of one molecule at one theory."""

    def __init__(self) -> None:
        self._fresh: List[int] = []
        self._learned: List[int] = []
        self._resting = self._failures = 0
        self.reach = NEARBY
        self._since, self._interval = 0, SAMPLES[0]

    def fresh(self, iterations: Optional[int]) -> None:
        """From a guess that knew nothing."""
        if iterations:
            self._fresh = [*self._fresh, iterations][-LOOKED_AT:]

    def learned(self, iterations: Optional[int], distance: float) -> None:
        """From a learned guess whose nearest image was so far away: where it was of no use, those are left out from now on."""
        self._failures = 0
        if not iterations or not self._fresh:
            return
        usual = sum(self._fresh) / len(self._fresh)
        if iterations < usual:
            self.reach = min(NEARBY, max(self.reach, FARTHER * distance))
        else:
            self.reach = max(NEAREST, min(self.reach, CLOSER * distance))
        self._learned = [*self._learned, iterations][-LOOKED_AT:]
        if len(self._learned) == LOOKED_AT and sum(self._learned) >= usual * LOOKED_AT:
            self._rest()

    def failed(self) -> None:
        """A learned guess did not converge."""
        self._failures += 1
        if self._failures >= FAILURES:
            self._rest()

    def _rest(self) -> None:
        self._resting, self._failures, self._learned = REST, 0, []

    def is_resting(self) -> bool:
        """Asked once for each label."""
        self.reach = min(NEARBY, SLOWLY * self.reach)
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
