"""The ways in which a Psi4 process ends without an answer."""

from __future__ import annotations

import signal

from reactal.chem import FailureKind
from reactal.errors import ReactalError

__all__ = ["WorkerDied", "WorkerFailed", "WorkerSilent", "WorkerTooBig", "WorkerUnreadable"]


class WorkerFailed(ReactalError):
    """No answer, and the process is gone; `log` is the end of what it wrote."""

    kind = FailureKind.CRASHED

    def __init__(self, message: str, log: str) -> None:
        super().__init__(message)
        self.log = log


class WorkerDied(WorkerFailed):
    """It ended without an answer; `status` is its exit status, negative for a signal.

    `starved`: there is evidence that the kernel killed it for memory. A SIGKILL alone is none: people and schedulers send it.
    """

    def __init__(self, status: int, log: str, *, starved: bool) -> None:
        super().__init__(f"Psi4's process ended {_how(status)} without an answer" + (", for memory" if starved else ""), log)
        if starved or "bad_alloc" in log or "MemoryError" in log:
            self.kind = FailureKind.OUT_OF_MEMORY


class WorkerSilent(WorkerFailed):
    """No answer before the deadline; it has been killed."""

    kind = FailureKind.TIMEOUT

    def __init__(self, seconds: float, log: str) -> None:
        super().__init__(f"no answer from Psi4 within {seconds:g} s", log)


class WorkerTooBig(WorkerFailed):
    """It took more memory than it may; it has been killed, before the kernel kills something else.

    A limit on its address space would not do: OpenBLAS asks for ever for what it is refused.
    """

    kind = FailureKind.OUT_OF_MEMORY

    def __init__(self, resident_mib: float, limit_mib: float, log: str) -> None:
        message = f"Psi4 took {resident_mib:.0f} MiB, above its limit of {limit_mib:.0f} MiB; raise memory_mib"
        super().__init__(message, log)


class WorkerUnreadable(WorkerFailed):
    """The answer is not the JSON object that was asked for; it has been killed."""

    kind = FailureKind.UNREADABLE_OUTPUT

    def __init__(self, line: bytes, log: str) -> None:
        super().__init__(f"Psi4's process answered what cannot be read: {line[:80]!r}", log)


def _how(status: int) -> str:
    if status >= 0:
        return f"with status {status}"
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"
