"""A running `psi4_worker`: start, ask with a deadline, end. Knows nothing of chemistry."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, final

from reactal.errors import LabelerUnavailable
from reactal.labeling.base import LabelingResources
from reactal.labeling.locate import find_psi4
from reactal.labeling.psi4_failures import WorkerDied, WorkerFailed, WorkerSilent, WorkerTooBig, WorkerUnreadable
from reactal.labeling.psi4_memory import oom_kills, resident_mib
from reactal.labeling.scratch import ScratchFolder

__all__ = ["Psi4Process"]

PROGRAM = Path(__file__).with_name("psi4_worker")
LOGS = ("psi4.log", "stdout.log")
LOG_TAIL = 3000  # characters
START_SECONDS = 120.0  # a cold import from a network disk
GRACE_SECONDS = 5.0
MEMORY_FACTOR = 1.25  # Psi4 keeps to the memory it is told to use only roughly,
MEMORY_SLACK_MIB = 1000  # and does not count its libraries and small things
NEAR = 0.8  # of its limit: a process so big that is killed from outside was killed for memory
LOOK_SECONDS = 0.5  # between looks at how big it has grown
ANSWER_LIMIT = 1 << 25  # bytes of one line; a gradient has some 60 for each atom
ONE_THREAD = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@final
class Psi4Process:
    """Started on construction; raises `LabelerUnavailable` if that does not work. Used by one thread at a time, except
    that any thread may call `kill`."""

    def __init__(self, resources: LabelingResources) -> None:
        install = find_psi4(resources.psi4)
        self.resources = resources
        self._scratch = ScratchFolder(resources.scratch)
        self._buffer = b""
        self._answered = 0
        self._busy = False
        self._largest_mib = 0.0
        self._oom_kills = oom_kills()
        self._limit_mib = MEMORY_FACTOR * resources.memory_mib + MEMORY_SLACK_MIB
        lifeline, self._lifeline = os.pipe()
        try:
            self._process = subprocess.Popen(
                [str(install.interpreter), str(PROGRAM), *_arguments(resources, self._scratch.path, lifeline)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=install.environment(os.environ) | dict.fromkeys(ONE_THREAD, str(resources.threads)),
                pass_fds=(lifeline,),
                start_new_session=True,  # its own process group, so that all of it can be killed, and Ctrl-C is ours
            )
        except OSError as error:
            self._release()
            raise LabelerUnavailable(f"{install.interpreter} cannot be started ({error}); see `reactal doctor`") from error
        finally:
            os.close(lifeline)
        self.version = self._greeting(str(install.interpreter))
        self._newborn_mib = resident_mib(self.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def grown_mib(self) -> float:
        """How much more it has in memory now than when it had started."""
        return resident_mib(self.pid) - self._newborn_mib

    @property
    def answered(self) -> int:
        """How many requests it has answered."""
        return self._answered

    def ask(self, request: dict[str, Any], *, timeout_s: float) -> dict[str, Any]:
        """The answer to a request. Raises `WorkerFailed`; the process is then gone."""
        self._busy = True
        self._largest_mib, self._oom_kills = 0.0, oom_kills()
        try:
            self._send(request | {"id": self._answered})
            answer = self._receive(timeout_s)
        finally:
            self._busy = False
        if answer.get("id") != self._answered:
            raise self._unreadable(json.dumps(answer).encode())
        self._answered += 1
        return answer

    def close(self) -> None:
        """End it, gently if it is idle, and remove its scratch; may be called twice."""
        assert self._process.stdin is not None and self._process.stdout is not None
        if not self._busy:
            with suppress(OSError, subprocess.TimeoutExpired):
                self._process.stdin.close()
                self._process.wait(GRACE_SECONDS)
            self._process.stdout.close()  # else another thread is still reading it
        self.kill()
        self._release()

    def kill(self) -> None:
        """End it at once, with all its children."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            self._process.kill()
        self._process.wait()

    def _release(self) -> None:
        lifeline, self._lifeline = self._lifeline, -1
        if lifeline >= 0:
            os.close(lifeline)
            self._scratch.remove()

    def _greeting(self, interpreter: str) -> str:
        try:
            greeting = self._receive(START_SECONDS)
        except WorkerFailed as error:
            self.close()
            raise LabelerUnavailable(f"{interpreter} does not run Psi4: {error}; see `reactal doctor`") from error
        if "version" not in greeting:
            self.close()
            raise LabelerUnavailable(f"{interpreter} {greeting.get('error', 'says nothing')}; see `reactal doctor`")
        return str(greeting["version"])

    def _send(self, request: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):  # closed at the other end, or by `close` at ours
            raise self._died() from None

    def _receive(self, timeout_s: float) -> dict[str, Any]:
        line = self._line(time.monotonic() + timeout_s, timeout_s)
        try:
            answer = json.loads(line)
        except ValueError:
            raise self._unreadable(line) from None
        if not isinstance(answer, dict):
            raise self._unreadable(line)
        return answer

    def _line(self, deadline: float, timeout_s: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                remaining = deadline - time.monotonic()
                ready = selector.select(min(LOOK_SECONDS, max(0.0, remaining)))
                if not ready or remaining <= 0:  # one that never stops talking says nothing either
                    self._look(remaining, timeout_s)
                    continue
                piece = os.read(descriptor, 1 << 16)
                if not piece:
                    raise self._died()
                self._buffer += piece
                if len(self._buffer) > ANSWER_LIMIT:
                    raise self._unreadable(self._buffer)
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _look(self, remaining_s: float, timeout_s: float) -> None:
        """End it if it has had its time or has grown too big."""
        size = resident_mib(self.pid)
        self._largest_mib = max(self._largest_mib, size)
        if remaining_s > 0 and size <= self._limit_mib:
            return
        log = self._log()
        self.kill()
        raise WorkerSilent(timeout_s, log) if remaining_s <= 0 else WorkerTooBig(size, self._limit_mib, log)

    def _died(self) -> WorkerDied:
        try:
            status = self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:  # it closed its output and lives on
            self.kill()
            status = self._process.wait()
        starved = status == -signal.SIGKILL and (oom_kills() > self._oom_kills or self._largest_mib > NEAR * self._limit_mib)
        return WorkerDied(status, self._log(), starved=starved)

    def _unreadable(self, line: bytes) -> WorkerUnreadable:
        log = self._log()
        self.kill()
        return WorkerUnreadable(line, log)

    def _log(self) -> str:
        tails = []
        for name in LOGS:
            try:
                with (self._scratch.path / name).open("rb") as file:
                    file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_TAIL))
                    tails.append(file.read().decode(errors="replace"))
            except OSError:
                continue
        return "".join(tails)[-LOG_TAIL:]


def _arguments(resources: LabelingResources, scratch: Path, lifeline: int) -> list[str]:
    values = {
        "scratch": scratch,
        "lifeline": lifeline,
        "threads": resources.threads,
        "memory-mib": resources.memory_mib,
    }
    return [argument for name, value in values.items() for argument in (f"--{name}", str(value))]
