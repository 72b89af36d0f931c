"""Dask tasks that are under way, and those that were there when a worker died."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

from reactal.labeling.agenda import Errand
from reactal.labeling.cluster import scheduler_lost
from reactal.labeling.dask_slot import Result

if TYPE_CHECKING:
    from distributed import Client, Future, KilledWorker

__all__ = ["Flight", "Suspects"]


@final
class Flight:
    """Errands as tasks, submitted by `submit`, landing in the order in which they finish."""

    def __init__(self, client: Client, submit: Callable[[Errand], Future[Any]]) -> None:
        from distributed import as_completed

        self._client = client
        self._submit = submit
        self._errands: dict[Future[Any], Errand] = {}
        self._on: Counter[int] = Counter()
        self._finished = as_completed(loop=client.loop, with_results=True, raise_errors=False)

    def __len__(self) -> int:
        return len(self._errands)

    def on(self, level: int) -> int:
        """How many are with slots of one class."""
        return self._on[level]

    def start(self, errand: Errand) -> None:
        future = self._submit(errand)
        self._errands[future] = errand
        self._on[errand.level] += 1
        self._finished.add(future)

    def lands_within(self, seconds: float) -> bool:
        """Wait for the next, but no longer than that."""
        with self._finished.thread_condition:
            return bool(self._finished.thread_condition.wait_for(self._finished.has_ready, seconds))

    def land(self) -> tuple[Errand, list[Result] | KilledWorker]:
        """Wait for the next; a result for each of its keys, or Dask's verdict that it kills its workers. Raises as it did."""
        from distributed import KilledWorker

        future, result = next(self._finished)
        errand = self._errands.pop(future)
        self._on[errand.level] -= 1
        try:
            if future.status == "finished":
                return errand, result
            if future.status != "error":
                raise scheduler_lost(self._client)
            _, error, trace = result
            if isinstance(error, KilledWorker):
                return errand, error
            raise error.with_traceback(trace)
        finally:
            future.release()  # Dask would compute it again if the worker that holds it died

    def cancel(self) -> None:
        """Give up what has not landed."""
        if self._errands and self._client.status == "running":
            self._client.cancel(list(self._errands))
        self._errands.clear()


@final
class Suspects:
    """Tasks that Dask holds guilty of their workers' deaths.

    It counts a death against everything the worker held, so each gets one more hearing, with nothing else under way.
    """

    def __init__(self) -> None:
        self.waiting: deque[str] = deque()
        self._deaths: dict[str, int] = {}

    def deaths(self, key: str, verdict: KilledWorker) -> int:
        """Workers that died under it where the verdict is final; 0 where it will be heard again."""
        known = key in self._deaths
        self._deaths[key] = self._deaths.get(key, 0) + verdict.allowed_failures + 1
        if known:
            return self._deaths[key]
        self.waiting.append(key)
        return 0

    def next(self) -> str:
        return self.waiting.popleft()
