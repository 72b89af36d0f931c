"""Labels from the workers of a Dask cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, final
from uuid import uuid4

from reactal.chem import Attempt, FailureKind, Label, LabelFailure, Structure, Theory
from reactal.errors import ConfigError, LabelerUnavailable
from reactal.labeling.agenda import Agenda, Errand
from reactal.labeling.base import LabelingResources, LabelOutcome
from reactal.labeling.batch import Batch
from reactal.labeling.cluster import LABEL_SLOT, scheduler_watched, slot_name
from reactal.labeling.comparisons import Finished
from reactal.labeling.cost import CostModel, learnt_from
from reactal.labeling.dask_flight import Flight, Suspects
from reactal.labeling.dask_slot import Order, Result, close_slots, compare_on_worker, forget_neighbours, label_on_worker
from reactal.labeling.growth import Growth, Wishes
from reactal.labeling.programs import make_labeler
from reactal.labeling.slot import Answered
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["DaskLabelPool"]

WORKER_SECONDS = 60.0  # for the first worker to appear
ASK_SECONDS = 1.0  # between questions how many there are
LOOK_SECONDS = 0.1
GONE_SECONDS = 240.0  # without a single worker, which whoever started it may start again
WAITING_SHARE = 1.0  # of labels to slots that are left when a slot no longer holds its next one
Answer = Label | LabelFailure


@final
class DaskLabelPool:
    """A `LabelPool` whose slots are Dask workers that offer the resource `psi4`; the store is opened there by its URL.

    A slot holds one more task than it computes. Dask counts a worker's death against both: what only waited there goes to another
    worker, and in the worst case is heard alone as `Suspects` are; nothing of it was computed.
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
        self._kinds = self._resources.kinds
        self._names = [slot_name(kind) if self._resources.classes else LABEL_SLOT for kind in self._kinds]
        self._offered, self._asked, self._last_seen = [0] * len(self._kinds), 0.0, 0.0

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
                for done in self._computed(missing, theory):
                    yield from batch.outcomes(done.key, done.answer, reused=done.reused, threads=done.threads)

    def close(self) -> None:
        """Ends the programs on the workers; the cluster belongs to whoever made it."""
        if self._client.status == "running":
            with suppress(OSError):  # a worker that is gone has no programs
                self._client.run(close_slots)

    def _computed(self, structures: dict[str, Structure], theory: Theory) -> Iterator[Finished]:
        """What came of each key, as it comes. What was on a worker each time one died is done again at the end, alone."""
        agenda = Agenda(structures, self._cost(theory), self._resources)
        flight = Flight(self._client, lambda errand: self._submit(errand, structures, agenda, theory))
        suspects, wishes, self._last_seen = Suspects(), Wishes(self._client, self._growth), time.monotonic()
        try:
            while agenda or flight or suspects.waiting:
                if agenda:
                    self._wish(wishes, agenda, flight)
                    self._fill(flight, agenda)
                elif not flight:
                    flight.start(Errand((suspects.next(),), len(self._kinds) - 1))
                self._wish(wishes, agenda, flight)
                if not flight.lands_within(ASK_SECONDS):
                    self._require_slots()
                    continue  # there may be new ones meanwhile
                errand, landed = flight.land()
                if isinstance(landed, list):
                    yield from self._finished(errand, landed, agenda)
                    continue
                if errand.compared is not None:
                    yield from agenda.compared(errand.keys[0], None)  # nobody can say more of it
                    continue
                for key in errand.keys:
                    if deaths := suspects.deaths(key, landed):
                        yield Finished(key, self._given_up(structures[key], theory, deaths), reused=False)
        finally:
            wishes.withdraw()
            flight.cancel()

    def _wish(self, wishes: Wishes, agenda: Agenda, flight: Flight) -> None:
        wishes.ask(len(agenda) + len(flight), busy=min(len(flight), sum(self._offered)))

    def _fill(self, flight: Flight, agenda: Agenda) -> None:
        """An errand for every slot, and another that waits there, so that no slot waits for this process. Towards the end none
        waits: it would be bound to a slot while another goes without."""
        slots = self._slots(busy=len(flight))
        for waits in (0, 1):
            for level in reversed(range(len(slots))):
                while (
                    flight.on(level) < (1 + waits) * slots[level]
                    and agenda.offers(level)
                    and len(agenda) > waits * WAITING_SHARE * sum(slots)
                ):
                    flight.start(agenda.errand(level, slots=sum(slots), portions=True))

    def _finished(self, errand: Errand, landed: list[Result], agenda: Agenda) -> Iterator[Finished]:
        if errand.compared is not None:
            lower = landed[0].answer
            if lower is not None:
                self._client.run(forget_neighbours, on_error="ignore")
            yield from agenda.compared(errand.keys[0], None if lower is None else Label.from_json(lower))
            return
        for key, (data, reused, owes) in zip(errand.keys, landed, strict=True):
            answered = None if data is None else Answered(_answer(data), reused, owes)
            yield from agenda.answered(key, answered, errand.level)

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

    def _submit(self, errand: Errand, structures: dict[str, Structure], agenda: Agenda, theory: Theory) -> Future[Any]:
        first, kind = structures[errand.keys[0]], self._kinds[errand.level]
        here = (theory.as_json(), self._store, self._resources.of_kind(kind))
        unique = {"resources": {self._names[errand.level]: 1}, "pure": False}
        name = f"{first.formula}-{first.key[:12]}-{uuid4().hex[:8]}"
        if errand.compared is not None:
            one, label = first.as_json(), errand.compared.as_json()
            return self._client.submit(compare_on_worker, one, label, *here, key=f"compare-{name}", **unique)
        orders = [Order(structures[key].as_json(), agenda.foresight(key), agenda.is_waited_for(key)) for key in errand.keys]
        return self._client.submit(label_on_worker, orders, *here, key=f"label-{name}", **unique)

    def _slots(self, *, busy: int) -> list[int]:
        """How many of each class the cluster offers, asked again now and then. Waits for the first where none is there and none
        busy."""
        now = time.monotonic()
        if not busy or now - self._asked > ASK_SECONDS:
            self._offered, self._asked = self._offers(), now
        if not self._offered[-1] and not busy:  # what has room nowhere else would wait for ever
            self._wait_for_slots()
        return self._offered

    def _wait_for_slots(self) -> None:
        end = time.monotonic() + (self._growth.patience_s if self._growth else WORKER_SECONDS)
        while not self._offered[-1] and time.monotonic() < end:
            with suppress(TimeoutError):
                self._client.wait_for_workers(1, timeout=ASK_SECONDS)
            self._offered = self._offers()
            time.sleep(0.0 if self._offered[-1] else LOOK_SECONDS)
        if not self._offered[-1]:
            missing = self._names[-1]
            raise LabelerUnavailable(
                f"no worker of the Dask cluster {self._address()} offers the resource {missing}; "
                + (
                    self._growth.advice
                    if self._growth
                    else f'start them with `dask worker --nthreads 1 --resources "{missing}=1"`'
                )
            )

    def _require_slots(self) -> None:
        """`LabelerUnavailable` where all slots have been gone for so long that nobody will start them again."""
        self._offered, self._asked = self._offers(), time.monotonic()
        if any(self._offered):
            self._last_seen = self._asked
        patience_s = max(GONE_SECONDS, self._growth.patience_s if self._growth else 0.0)
        if self._asked - self._last_seen > patience_s:
            raise LabelerUnavailable(
                f"all workers of the Dask cluster {self._address()} have been gone for {patience_s:.0f} s; "
                "see why they ended, and run the same command again: whatever was computed is kept"
            )

    def _offers(self) -> list[int]:
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        return [int(sum(worker["resources"].get(name, 0) for worker in workers)) for name in self._names]

    def _address(self) -> str:
        return str(self._client.scheduler.address) if self._client.scheduler else ""


def _answer(data: dict[str, Any]) -> Answer:
    return LabelFailure.from_json(data) if "kind" in data else Label.from_json(data)
