"""What is left to do of one batch: its labels, the longest first, and comparisons with fresh guesses before too many wait."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, final

from reactal.chem import FailureKind, Label, LabelFailure, Structure
from reactal.labeling.base import LabelingResources
from reactal.labeling.comparisons import Comparisons, Finished
from reactal.labeling.cost import CostModel
from reactal.labeling.packing import LongestFirst
from reactal.labeling.slot import Answered, Foresight

__all__ = ["Agenda", "Errand"]

BACKLOG = 1  # comparisons that may wait for each slot until there is nothing else to do


class Errand(NamedTuple):
    """What a slot of the class `level` does next: label these structures, or compare the only one, whose label is `compared`."""

    keys: tuple[str, ...]
    level: int
    compared: Label | None = None


@final
class Agenda:
    """`level` is the place of a slot's kind in `resources.kinds`. Not safe to use from several threads."""

    def __init__(self, structures: Mapping[str, Structure], cost: CostModel, resources: LabelingResources) -> None:
        self._structures = structures
        self._cost = cost
        self._threads = [kind.threads if resources.classes else None for kind in resources.kinds]
        self._labels = LongestFirst(structures, cost, [kind.memory_mib if resources.classes else 0 for kind in resources.kinds])
        self._comparisons = Comparisons()
        self._met: set[str] = set()

    def __len__(self) -> int:
        """Labels and comparisons that nobody does yet."""
        return len(self._labels) + len(self._comparisons)

    def offers(self, level: int) -> bool:
        """Whether there is anything for a slot of this class."""
        return bool(self._comparisons) or self._labels.has(level)

    def errand(self, level: int, *, slots: int, portions: bool = False) -> Errand:
        """The next for one of `slots` slots, with `portions` several labels where they are short; `IndexError` for none."""
        if self._comparisons and (len(self._comparisons) > BACKLOG * slots or not self._labels.has(level)):
            held = self._comparisons.next()
            assert isinstance(held.answer, Label)  # no failure is compared
            return Errand((held.key,), level, held.answer)
        return Errand(self._labels.portion(slots, level) if portions else (self._labels.pop(level),), level)

    def foresight(self, key: str) -> Foresight:
        structure = self._structures[key]
        return Foresight(self._cost.patience(structure), self._cost.room_mib(structure))

    def is_waited_for(self, key: str) -> bool:
        """Whether another slot, of whatever campaign, was computing it before: there is little else to do by now."""
        return key in self._met

    def answered(self, key: str, answered: Answered | None, level: int) -> Iterator[Finished]:
        """What came of a label, None: another slot is computing it; what is finished with that."""
        if answered is None:
            self._met.add(key)
            self._labels.put_off(key)
            return
        answer, reused, owes = answered
        if isinstance(answer, Label) and not reused:
            self._cost.learn(self._structures[key], answer)
        if _starved(answer) and self._labels.put_up(key, level):
            return
        yield from self._comparisons.answered(Finished(key, answer, reused, owes, self._threads[level]))

    def compared(self, key: str, lower: Label | None) -> Iterator[Finished]:
        """What came of a comparison: the label of a lower state, or None; what is finished with that."""
        return self._comparisons.passed(key) if lower is None else self._comparisons.failed(key, lower)


def _starved(answer: Label | LabelFailure) -> bool:
    return isinstance(answer, LabelFailure) and answer.kind is FailureKind.OUT_OF_MEMORY
