"""A running `apart_worker`: start, ask with a deadline, end. Knows nothing of chemistry."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, final

import reactal
from reactal.chem import FailureKind
from reactal.errors import LabelerUnavailable, ReactalError
from reactal.labeling.base import LabelingResources
from reactal.labeling.scratch import ScratchFolder
from reactal.secrecy import without_secrets

__all__ = ["ApartProcess", "ChildFailed"]

WORKER = "reactal.labeling.apart_worker"
LOG = "apart.log"
LOG_TAIL = 3000  # characters
GRACE_SECONDS = 5.0
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class ChildFailed(ReactalError):
    """No answer, and the process is gone; `log` is the end of what it wrote."""

    def __init__(self, kind: FailureKind, message: str, log: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.log = log


@final
class ApartProcess:
    """Started on construction; raises `LabelerUnavailable` if that does not work. Asked by one thread at a time, while any
    thread may close it."""

    def __init__(self, resources: LabelingResources) -> None:
        self._scratch = ScratchFolder(resources.scratch)
        numbers = {"threads": resources.threads, "memory-mib": resources.memory_mib}
        arguments = [word for name, value in numbers.items() for word in (f"--{name}", str(value))]
        with (self._scratch.path / LOG).open("wb") as log:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", WORKER, *arguments],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=self._scratch.path,
                    env=_environment(resources),
                    start_new_session=True,  # its own process group, so that all of it can be killed, and Ctrl-C is ours
                )
            except OSError as error:
                self._scratch.remove()
                raise LabelerUnavailable(f"{sys.executable} cannot be started ({error})") from error
        assert self._process.stdout is not None
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=_forward, args=(self._process.stdout, self._lines), daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, request: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
        """The answer to a request. Raises `ChildFailed`; the process is then of no more use."""
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # it has ended: there will be no answer
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise ChildFailed(FailureKind.TIMEOUT, f"no answer within {timeout_s:g} s", self._log()) from None
        if not line:
            raise self._ended()
        try:
            answer = json.loads(line)
        except ValueError:
            message = f"the answer cannot be read: {line[:80]!r}"
            raise ChildFailed(FailureKind.UNREADABLE_OUTPUT, message, self._log()) from None
        found: dict[str, Any] = answer
        return found

    def close(self) -> None:
        """End it with all its children and remove its scratch; may be called twice."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._scratch.remove()

    def _ended(self) -> ChildFailed:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_SECONDS)
        log = self._log()
        starved = "MemoryError" in log or "bad_alloc" in log
        kind = FailureKind.OUT_OF_MEMORY if starved else FailureKind.CRASHED
        return ChildFailed(kind, f"the program's process ended (status {self._process.returncode}) without an answer", log)

    def _log(self) -> str:
        with suppress(OSError):
            return (self._scratch.path / LOG).read_bytes()[-LOG_TAIL:].decode(errors="replace")
        return ""


def _environment(resources: LabelingResources) -> dict[str, str]:
    """Ours, with this very reactal on the path, and the threads it may use."""
    here = str(Path(reactal.__file__).parents[1])
    path = os.pathsep.join(part for part in (here, os.environ.get("PYTHONPATH", "")) if part)
    return {**without_secrets(os.environ), "PYTHONPATH": path, **dict.fromkeys(THREADS, str(resources.threads))}


def _forward(lines: IO[bytes], to: queue.Queue[bytes]) -> None:
    """Until the other end closes, which an empty line tells."""
    with suppress(OSError, ValueError):
        for line in lines:
            to.put(line)
    to.put(b"")
