"""What Prometheus reads of a running campaign: labels, failures, queue, budget, errors, coverage, GPUs.

Counters follow from the campaign's events and go on where they were when a driver starts again: they count for the campaign,
not for a process.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from statistics import fmean
from typing import final

from reactal.campaign.budget import remaining
from reactal.campaign.state import CampaignState
from reactal.errors import StoreError
from reactal.stages.bench import Bench
from reactal.stages.outlook import cost
from reactal.stages.summary import RECENT, STAGES, batch_progress
from reactal.tracking.gpu import gpu_use
from reactal.tracking.metrics_page import Sample

__all__ = ["Metrics", "standing"]


@final
class Metrics:
    """Reads the campaign's state as it is now, and from the store how far its batch is. Safe to use from several threads."""

    def __init__(self, bench: Bench, state: Callable[[], CampaignState], *, clock: Callable[[], float] = time.time) -> None:
        self._bench, self._state, self._clock = bench, state, clock
        self._lock = threading.Lock()
        self._store_errors = 0
        self._progress = (-1, -1)
        self._progress_at = clock()

    def __call__(self) -> list[Sample]:
        state = self._state()
        batch, done = self._batch(state)
        labelled = {"campaign": self._bench.config.name}
        with self._lock:
            if (state.events, done) != self._progress:
                self._progress, self._progress_at = (state.events, done), self._clock()
            at, errors = self._progress_at, self._store_errors
        samples = [
            *standing(state, self._bench, batch=batch, done=done),
            Sample("reactal_last_progress_timestamp_seconds", at, "When an event or a label of the batch was last seen."),
            Sample("reactal_store_errors", errors, "Times the store did not answer when this page was made.", "counter"),
            *_gpus(),
        ]
        return [Sample(s.name, s.value, s.help, s.kind, {**labelled, **s.labels}) for s in samples]

    def _batch(self, state: CampaignState) -> tuple[int, int]:
        """Of the batch under way: how many structures, and how many of them are answered."""
        try:
            found = batch_progress(self._bench, state)
        except StoreError:
            with self._lock:
                self._store_errors += 1
            return (0 if state.pending is None else state.pending.batch_size), 0
        return found["batch"], found["batch_done"]


def standing(state: CampaignState, bench: Bench, *, batch: int, done: int) -> Iterator[Sample]:
    """From the events alone, but for the batch under way."""
    config = bench.config
    running = state.outcome is None and state.paused is None
    yield Sample("reactal_running", float(running), "1 while the campaign is neither over nor paused.")
    yield Sample("reactal_iteration", state.iteration, "Trainings so far.")
    yield Sample("reactal_events", state.events, "Events of the journal.", "counter")
    yield Sample("reactal_labels_answered", state.labels_asked + done, "Labels asked for and answered.", "counter")
    yield Sample("reactal_labels_computed", state.computed, "Labels computed, of finished batches.", "counter")
    yield Sample("reactal_labels_reused", state.reused, "Labels found in the store, of finished batches.", "counter")
    yield from _failures(state)
    yield Sample("reactal_batch_labels", batch, "Structures of the batch under way; 0 between batches.")
    yield Sample("reactal_queue_labels", batch - done, "Structures of the batch that wait for their label.")
    for kind, name in STAGES.items():
        seconds = state.seconds.get(kind, 0.0)
        yield Sample("reactal_stage_seconds", seconds, "Wall time of each stage.", "counter", {"stage": name})
    yield from _budget(state, bench)
    recent = [point.force_mae for labelled in state.labelled[-RECENT:] for point in labelled.arm]
    if recent:
        yield Sample(
            "reactal_random_arm_force_mae", fmean(recent), "Force error of the random arm in the last rounds, eV/angstrom."
        )
    yield Sample("reactal_trust_coverage_target", config.calibration.coverage, "Share of errors that shall lie in their bound.")
    if state.calibrated and state.calibrated.observed_coverage is not None:
        yield Sample("reactal_trust_coverage", state.calibrated.observed_coverage, "Share of later errors inside their bound.")
    if state.tests:
        yield Sample("reactal_barrier_error_kcal", state.tests[-1].error_kcal, "Last test of the barrier, model - reference.")


def _failures(state: CampaignState) -> Iterator[Sample]:
    """By kind, as the batches tell; those of the first relaxation are counted without one."""
    kinds: Counter[str] = Counter()
    for labelled in state.labelled:
        kinds.update(labelled.failures)
    if state.seeded is not None:
        kinds["seeding"] += state.seeded.failed
    for kind, count in sorted(kinds.items()):
        yield Sample("reactal_label_failures", count, "Labels that failed, by kind.", "counter", {"kind": kind})


def _budget(state: CampaignState, bench: Bench) -> Iterator[Sample]:
    budget, spent = bench.config.budget, cost(state, bench.config)
    left = remaining(state, bench.config).labels
    yield Sample("reactal_budget_labels", budget.labels, "Labels that may be asked for.")
    yield Sample("reactal_budget_labels_left", left, "Labels that are left.")
    yield Sample("reactal_label_core_seconds", state.core_seconds, "Core time of labels.", "counter")
    yield Sample("reactal_money_spent", spent["money"], "At budget.price_per_core_hour.")
    if budget.money is not None:
        yield Sample("reactal_budget_money", budget.money, "Money that may be spent.")


def _gpus() -> Iterator[Sample]:
    for use in gpu_use():
        labels = {"gpu": str(use.index)}
        yield Sample("reactal_gpu_busy", use.busy, "Share of the last second in which a GPU computed.", labels=labels)
        yield Sample("reactal_gpu_memory_bytes", use.memory_used, "Memory of a GPU in use.", labels=labels)
        yield Sample("reactal_gpu_memory_total_bytes", use.memory_total, "Memory of a GPU.", labels=labels)
