"""Labels from the workers of a Dask cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, final
from uuid import uuid4

from reactal.chem import Attempt, FailureKind, Label, LabelFailure, Structure, Theory
from reactal.errors import ConfigError, LabelerUnavailable
from reactal.labeling.base import LabelingResources, LabelOutcome
from reactal.labeling.batch import Batch
from reactal.labeling.cluster import LABEL_SLOT, scheduler_watched
from reactal.labeling.cost import CostModel, learnt_from
from reactal.labeling.dask_flight import Flight, Result, Suspects
from reactal.labeling.dask_slot import close_slots, label_on_worker
from reactal.labeling.growth import Growth, Wishes
from reactal.labeling.packing import LongestFirst
from reactal.labeling.programs import make_labeler
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["DaskLabelPool"]

WORKER_SECONDS = 60.0  # for the first worker to appear
ASK_SECONDS = 1.0  # between questions how many there are
START_THEM = f'start them with `dask worker --nthreads 1 --resources "{LABEL_SLOT}=1"`'
Answer = Label | LabelFailure


@final
class DaskLabelPool:
    """A `LabelPool` whose slots are Dask workers that offer the resource `psi4`; the store is opened there by its URL.

    No more tasks are under way than there are slots: Dask counts a worker's death against every task that the worker
    holds, and a structure that kills its workers must not take innocent ones with it.
    """

    def __init__(
        self,
        client: Client,
        store_url: str,
        theory: Theory,
        resources: LabelingResources | None = None,
        *,
        single_writer: bool = False,
        growth: Growth | None = None,
    ) -> None:
        if store_url.startswith("memory:"):
            raise ConfigError(f"Dask workers cannot reach the store {store_url}; use a folder or s3://, or no cluster")
        make_labeler(theory).close()  # a wrong theory is found here, not on a worker
        objects = open_store(store_url, single_writer=single_writer)
        self._client = client
        self._store = (objects.url, single_writer)  # absolute: workers stand elsewhere
        self._labels = LabelStore(objects)
        self._theory = theory
        self._resources = resources or LabelingResources()
        self._growth = growth
        self._costs: dict[Theory, CostModel] = {}
        self._offered, self._asked = 0, 0.0

    def label(self, structures: Sequence[Structure], *, theory: Theory | None = None) -> Iterator[LabelOutcome]:
        theory = theory or self._theory
        self._labels.register(theory)
        batch = Batch.of(structures)
        stored = batch.stored(self._labels, theory)
        for key, label in stored.items():
            yield from batch.outcomes(key, label, reused=True)
        missing = {key: batch.structure(key) for key in batch.indices if key not in stored}
        if missing:
            with scheduler_watched(self._client):
                for key, (answer, reused) in self._computed(missing, theory):
                    yield from batch.outcomes(key, answer, reused=reused)

    def close(self) -> None:
        """Ends the programs on the workers; the cluster belongs to whoever made it."""
        if self._client.status == "running":
            with suppress(OSError):  # a worker that is gone has no programs
                self._client.run(close_slots)

    def _computed(self, structures: dict[str, Structure], theory: Theory) -> Iterator[tuple[str, tuple[Answer, bool]]]:
        """The answer to each key, as they come. What was on a worker each time one died is done again at the end, alone."""
        cost = self._cost(theory)
        flight = Flight(self._client, lambda keys: self._submit([structures[key] for key in keys], theory, cost))
        waiting, suspects, wishes = LongestFirst(structures, cost), Suspects(), Wishes(self._client, self._growth)
        try:
            while waiting or flight or suspects.waiting:
                if waiting:
                    wishes.ask(len(waiting) + len(flight), busy=len(flight))
                    self._fill(flight, waiting)
                elif not flight:
                    flight.start((suspects.next(),))
                wishes.ask(len(waiting) + len(flight), busy=len(flight))
                if waiting and not flight.lands_within(ASK_SECONDS):
                    continue  # there may be new slots meanwhile
                keys, landed = flight.land()
                if isinstance(landed, list):
                    yield from self._answers(keys, landed, structures, cost)
                    continue
                for key in keys:
                    if deaths := suspects.deaths(key, landed):
                        yield key, (self._given_up(structures[key], theory, deaths), False)
        finally:
            wishes.withdraw()
            flight.cancel()

    def _fill(self, flight: Flight, waiting: LongestFirst) -> None:
        slots = self._slots(busy=len(flight))
        while waiting and len(flight) < slots:
            flight.start(waiting.portion(slots))

    def _answers(
        self, keys: Sequence[str], landed: list[Result], structures: dict[str, Structure], cost: CostModel
    ) -> Iterator[tuple[str, tuple[Answer, bool]]]:
        for key, (data, reused) in zip(keys, landed, strict=True):
            answer = _answer(data)
            if isinstance(answer, Label) and not reused:
                cost.learn(structures[key], answer)
            yield key, (answer, reused)

    def _cost(self, theory: Theory) -> CostModel:
        if theory not in self._costs:
            self._costs[theory] = learnt_from(self._labels, theory)
        return self._costs[theory]

    def _given_up(self, structure: Structure, theory: Theory, deaths: int) -> LabelFailure:
        attempts = (Attempt(outcome="worker died"),) * deaths
        message = f"{deaths} Dask workers died while they computed it, the last of them with nothing else to do"
        failure = LabelFailure(structure.key, theory.fingerprint, FailureKind.CRASHED, message, attempts)
        self._labels.put(failure, structure)
        return failure

    def _submit(self, structures: list[Structure], theory: Theory, cost: CostModel) -> Future[Any]:
        first = structures[0]
        return self._client.submit(
            label_on_worker,
            [(structure.as_json(), cost.patience(structure)) for structure in structures],
            theory.as_json(),
            self._store,
            self._resources,
            resources={LABEL_SLOT: 1},
            pure=False,
            key=f"label-{first.formula}-{first.key[:12]}-{uuid4().hex[:8]}",
        )

    def _slots(self, *, busy: int) -> int:
        """How many the cluster offers, asked again now and then. Waits for the first where none is there and none busy."""
        now = time.monotonic()
        if not busy or now - self._asked > ASK_SECONDS:
            self._offered, self._asked = self._offers(), now
        if not self._offered and not busy:
            with suppress(TimeoutError):
                self._client.wait_for_workers(1, timeout=self._growth.patience_s if self._growth else WORKER_SECONDS)
            self._offered = self._offers()
            if not self._offered:
                raise LabelerUnavailable(
                    f"no worker of the Dask cluster {self._address()} offers the resource {LABEL_SLOT}; "
                    + (self._growth.advice if self._growth else START_THEM)
                )
        return self._offered

    def _offers(self) -> int:
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        return int(sum(worker["resources"].get(LABEL_SLOT, 0) for worker in workers))

    def _address(self) -> str:
        return str(self._client.scheduler.address) if self._client.scheduler else ""


def _answer(data: dict[str, Any]) -> Answer:
    return LabelFailure.from_json(data) if "kind" in data else Label.from_json(data)
