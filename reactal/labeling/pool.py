"""Labels from slots in this process: threads, each with its own program."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import final

from reactal.chem import Label, LabelFailure, Structure, Theory
from reactal.labeling.base import LabelingResources, LabelOutcome
from reactal.labeling.batch import Batch
from reactal.labeling.cost import CostModel, learnt_from
from reactal.labeling.packing import LongestFirst
from reactal.labeling.programs import check_theory, make_labeler
from reactal.labeling.slot import Slot
from reactal.store.labels import LabelStore

__all__ = ["LocalLabelPool", "check_theory", "make_labeler", "slot_count"]


def slot_count(resources: LabelingResources) -> int:
    """How many programs run side by side on this machine."""
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
        self._executor = ThreadPoolExecutor(slot_count(self._resources), thread_name_prefix="label")
        self._local = threading.local()
        self._slots: list[Slot] = []
        self._costs: dict[Theory, CostModel] = {}
        self._lock = threading.Lock()

    def label(self, structures: Sequence[Structure], *, theory: Theory | None = None) -> Iterator[LabelOutcome]:
        theory = theory or self._theory
        self._labels.register(theory)
        batch = Batch.of(structures)
        stored = batch.stored(self._labels, theory)
        missing = {key: batch.structure(key) for key in batch.indices if key not in stored}
        cost = self._cost(theory)
        queue = LongestFirst(missing, cost)

        def compute_next() -> tuple[str, Label | LabelFailure, bool]:
            """In the slot of the thread that calls it. Other work goes before what another campaign is computing."""
            met: set[str] = set()
            answered = None
            while answered is None:
                structure, slot = missing[queue.pop()], self._slot()
                ask = slot.answer if structure.key in met else slot.answer_now
                answered = ask(structure, theory, patience_s=cost.patience(structure))
                if answered is None:
                    met.add(structure.key)
                    queue.put_off(structure.key)
            answer, reused = answered
            if isinstance(answer, Label) and not reused:
                cost.learn(structure, answer)
            return structure.key, answer, reused

        jobs = [self._executor.submit(compute_next) for _ in missing]
        try:
            for key, label in stored.items():
                yield from batch.outcomes(key, label, reused=True)
            for job in as_completed(jobs):
                key, answer, reused = job.result()
                yield from batch.outcomes(key, answer, reused=reused)
        finally:
            for job in jobs:
                job.cancel()

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._close_slots()  # ends the programs under threads that are still computing
        self._executor.shutdown()
        self._close_slots()  # what such a thread has started in between

    def _close_slots(self) -> None:
        with self._lock:
            for slot in self._slots:
                slot.close()

    def _cost(self, theory: Theory) -> CostModel:
        if theory not in self._costs:
            self._costs[theory] = learnt_from(self._labels, theory)
        return self._costs[theory]

    def _slot(self) -> Slot:
        """This thread's own."""
        slot: Slot | None = getattr(self._local, "slot", None)
        if slot is None:
            slot = self._local.slot = Slot(self._labels, self._resources)
            with self._lock:
                self._slots.append(slot)
        return slot
