"""Labels from slots in this process: threads, each with its own program."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import final

from reactal.chem import Structure, Theory
from reactal.errors import LabelerUnavailable
from reactal.labeling.agenda import Agenda, Errand
from reactal.labeling.base import LabelingResources, LabelOutcome
from reactal.labeling.batch import Batch
from reactal.labeling.cost import CostModel, learnt_from
from reactal.labeling.programs import check_theory, make_labeler
from reactal.labeling.shift import Shift
from reactal.labeling.slot import Slot
from reactal.store.labels import LabelStore

__all__ = ["LocalLabelPool", "check_theory", "make_labeler", "slot_count"]


def slot_count(resources: LabelingResources) -> int:
    """How many programs run side by side on this machine."""
    if resources.classes:
        return sum(kind.slots for kind in resources.classes)
    if resources.slots:
        return resources.slots
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // resources.threads)


@final
class LocalLabelPool:
    """A `LabelPool` without any cluster."""

    def __init__(self, labels: LabelStore, theory: Theory, resources: LabelingResources | None = None) -> None:
        make_labeler(theory).close()  # a wrong theory is found here, not in a thread
        self._labels = labels
        self._theory = theory
        self._resources = resources or LabelingResources()
        self._count = slot_count(self._resources)
        self._executor = ThreadPoolExecutor(self._count, thread_name_prefix="label")
        self._local = threading.local()
        self._slots: list[Slot] = []
        kinds = enumerate(self._resources.kinds)
        self._levels = [level for level, kind in kinds for _ in range(kind.slots if self._resources.classes else self._count)]
        self._shifts: list[Shift] = []
        self._costs: dict[Theory, CostModel] = {}
        self._lock = threading.Lock()

    def label(self, structures: Sequence[Structure], *, theory: Theory | None = None) -> Iterator[LabelOutcome]:
        theory = theory or self._theory
        self._labels.register(theory)
        batch = Batch.of(structures)
        stored = batch.stored(self._labels, theory)
        missing = {key: batch.structure(key) for key in batch.indices if key not in stored}
        shift = Shift(Agenda(missing, self._cost(theory), self._resources), slots=self._count, count=len(missing))
        with self._lock:
            self._shifts.append(shift)
        for _ in range(min(self._count, len(missing)) if not self._resources.classes else self._count):
            self._executor.submit(self._work, shift, missing, theory)
        try:
            for key, label in stored.items():
                yield from batch.outcomes(key, label, reused=True)
            for done in shift.finished():
                yield from batch.outcomes(done.key, done.answer, reused=done.reused, threads=done.threads)
        finally:
            shift.end()
            with self._lock:
                self._shifts.remove(shift)

    def close(self) -> None:
        with self._lock:
            for shift in self._shifts:
                shift.fail(LabelerUnavailable("the label pool was closed in the middle of a batch"))
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._close_slots()  # ends the programs under threads that are still computing
        self._executor.shutdown()
        self._close_slots()  # what such a thread has started in between

    def _work(self, shift: Shift, structures: dict[str, Structure], theory: Theory) -> None:
        """In the slot of the thread that calls it, until nothing is left. Other work goes before what another campaign has."""
        try:
            slot, level = self._slot()
            while (errand := shift.next(level)) is not None:
                self._run(errand, slot, shift, structures[errand.keys[0]], theory)
        except BaseException as error:  # whoever iterates over the outcomes is told
            shift.fail(error)

    def _run(self, errand: Errand, slot: Slot, shift: Shift, structure: Structure, theory: Theory) -> None:
        if errand.compared is None:
            foresight, patient = shift.known_of(structure.key)
            ask = slot.answer if patient else slot.answer_now
            shift.answered(structure.key, ask(structure, theory, foresight=foresight), level=errand.level)
            return
        lower = slot.compare(structure, theory, errand.compared)
        if lower is not None:
            with self._lock:
                for other in self._slots:  # which of them led there is not known
                    other.forget()
        shift.compared(structure.key, lower)

    def _close_slots(self) -> None:
        with self._lock:
            for slot in self._slots:
                slot.close()

    def _cost(self, theory: Theory) -> CostModel:
        if theory not in self._costs:
            self._costs[theory] = learnt_from(self._labels, theory)
        return self._costs[theory]

    def _slot(self) -> tuple[Slot, int]:
        """This thread's own, and the class that it is of."""
        mine: tuple[Slot, int] | None = getattr(self._local, "slot", None)
        if mine is None:
            with self._lock:
                level = self._levels.pop()
                slot = Slot(self._labels, self._resources.of_kind(self._resources.kinds[level]))
                self._slots.append(slot)
            mine = self._local.slot = slot, level
        return mine
