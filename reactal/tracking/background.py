"""Work done aside, in order, that may fail without anybody having to care."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import final

__all__ = ["Aside"]

log = logging.getLogger(__name__)

Job = Callable[[], None]


@final
class Aside:
    """One thread that does jobs in the order given.

    A failing job is dropped and the first failure is logged, once; for `rest` seconds after a failure all jobs are dropped
    untried, so that a dead service costs its time-out once and not for every job. Daemonic: whoever wants the last jobs done
    before the process ends calls `close`.
    """

    def __init__(self, what: str, *, rest: float = 30.0) -> None:
        self._what, self._rest = what, rest
        self._jobs: SimpleQueue[tuple[Job, Job | None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._idle = threading.Condition()
        self._waiting = 0
        self._failed_at: float | None = None
        self._warned = False

    def submit(self, job: Job, *, after: Job | None = None) -> None:
        """Returns at once. `after` is called when the job is done, failed or dropped. The first job starts the thread."""
        with self._idle:
            self._waiting += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=f"reactal {self._what}", daemon=True)
                self._thread.start()
        self._jobs.put((job, after))

    def flush(self, *, patience: float) -> bool:
        """Wait until everything submitted is done or dropped, at most `patience` seconds; whether it is."""
        with self._idle:
            return self._idle.wait_for(lambda: self._waiting == 0, patience)

    def close(self, *, patience: float) -> None:
        """As `flush`; then the thread ends, or is left to end with the process if it hangs."""
        done = self.flush(patience=patience)
        with self._idle:
            thread, self._thread = self._thread, None
        if thread is None:
            return
        self._jobs.put(None)
        if done:
            thread.join(patience)
        elif not self._warned:
            self._warned = True
            log.warning("%s did not finish within %.0f s; its last entries may be lost", self._what, patience)

    def _work(self) -> None:
        while (entry := self._jobs.get()) is not None:
            job, after = entry
            if not self._resting():
                self._try(job)
            if after is not None:
                after()
            with self._idle:
                self._waiting -= 1
                self._idle.notify_all()

    def _resting(self) -> bool:
        return self._failed_at is not None and time.monotonic() - self._failed_at < self._rest

    def _try(self, job: Job) -> None:
        try:
            job()
            self._failed_at = None
        except Exception as error:  # whatever the service's library raises, the campaign goes on
            self._failed_at = time.monotonic()
            if not self._warned:
                self._warned = True
                log.warning("%s is interrupted (%s: %s); the campaign goes on", self._what, type(error).__name__, error)
            log.debug("dropped", exc_info=True)
