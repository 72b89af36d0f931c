"""Dask tasks that are under way, and those that were there when a worker died."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

from reactal.errors import LabelerUnavailable

if TYPE_CHECKING:
    from distributed import Client, Future, KilledWorker

__all__ = ["Flight", "Suspects"]

Result = tuple[dict[str, Any], bool]


@final
class Flight:
    """Tasks by key, submitted by `submit`, landing in the order in which they finish."""

    def __init__(self, client: Client, submit: Callable[[str], Future[Any]]) -> None:
        from distributed import as_completed

        self._client = client
        self._submit = submit
        self._keys: dict[Future[Any], str] = {}
        self._finished = as_completed(loop=client.loop)

    def __len__(self) -> int:
        return len(self._keys)

    def start(self, key: str) -> None:
        future = self._submit(key)
        self._keys[future] = key
        self._finished.add(future)

    def land(self) -> tuple[str, Result | KilledWorker]:
        """Wait for the next; its result, or Dask's verdict that it kills its workers. Raises what the task raised."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        future = next(self._finished)
        key = self._keys.pop(future)
        try:
            return key, future.result()
        except KilledWorker as verdict:
            return key, verdict
        except FutureCancelledError as error:
            raise LabelerUnavailable(f"the Dask cluster dropped a label ({error}); is its scheduler running?") from error
        finally:
            future.release()  # Dask would compute it again if the worker that holds it died

    def cancel(self) -> None:
        """Give up what has not landed."""
        if self._keys and self._client.status == "running":
            self._client.cancel(list(self._keys))
        self._keys.clear()


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
