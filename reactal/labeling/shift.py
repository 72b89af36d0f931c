"""One batch among the threads of a pool: each takes its next errand from here, and brings back what came of it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from queue import SimpleQueue
from typing import final

from reactal.chem import Label
from reactal.labeling.agenda import Agenda, Errand
from reactal.labeling.comparisons import Finished
from reactal.labeling.slot import Answered, Foresight

__all__ = ["Shift"]


@final
class Shift:
    """`count` structures, by `slots` threads. Every method may be called from any thread."""

    def __init__(self, agenda: Agenda, *, slots: int, count: int) -> None:
        self._agenda = agenda
        self._slots = slots
        self._count = count
        self._changed = threading.Condition()
        self._under_way = 0
        self._ended = False
        self._finished: SimpleQueue[Finished | BaseException] = SimpleQueue()

    def next(self, level: int) -> Errand | None:
        """For a slot of this class. Waits while others may yet leave something for it; None when all is done."""
        with self._changed:
            while not self._ended and (len(self._agenda) or self._under_way):
                if self._agenda.offers(level):
                    self._under_way += 1
                    return self._agenda.errand(level, slots=self._slots)
                self._changed.wait()
            self._changed.notify_all()
            return None

    def known_of(self, key: str) -> tuple[Foresight, bool]:
        """What is known of a label beforehand, and whether another slot's is waited for."""
        with self._changed:
            return self._agenda.foresight(key), self._agenda.is_waited_for(key)

    def answered(self, key: str, answered: Answered | None, *, level: int) -> None:
        """As in `Agenda`."""
        with self._changed:
            self._hand_out(self._agenda.answered(key, answered, level))

    def compared(self, key: str, lower: Label | None) -> None:
        """As in `Agenda`."""
        with self._changed:
            self._hand_out(self._agenda.compared(key, lower))

    def finished(self) -> Iterator[Finished]:
        """Every structure's, as they come; raises what a thread has raised."""
        for _ in range(self._count):
            done = self._finished.get()
            if isinstance(done, BaseException):
                raise done
            yield done

    def fail(self, error: BaseException) -> None:
        self._finished.put(error)
        self.end()

    def end(self) -> None:
        """Nothing more is begun."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _hand_out(self, finished: Iterable[Finished]) -> None:
        self._under_way -= 1
        for done in finished:
            self._finished.put(done)
        self._changed.notify_all()
