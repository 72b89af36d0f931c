"""The program: what it is told on its command line, and one answer for each request."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import select
import signal
import sys
from typing import Any, Dict, Iterator

from .basis_sets import BasisSets
from .gradients import gradient
from .learned import LearnedGuesses
from .scratch_files import OUTPUT, PRINTED
from .theory_check import check

Json = Dict[str, Any]


class Channel:
    """JSON lines on what standard input and output were at the start; Psi4 gets files in the place of the latter."""

    def __init__(self) -> None:
        self._input = os.fdopen(os.dup(0), "r", encoding="utf-8")
        self._output = os.fdopen(os.dup(1), "w", encoding="utf-8")
        log = os.open(str(PRINTED), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)

    def requests(self) -> Iterator[Json]:
        """Until the other side closes our standard input."""
        return (json.loads(line) for line in self._input)

    def send(self, answer: Json) -> None:
        self._output.write(json.dumps(answer) + "\n")
        self._output.flush()


def main() -> None:
    """From the first line to the end of standard input."""
    options = _options()
    os.chdir(options.scratch)  # Psi4 drops files where it stands
    if options.lifeline is not None:
        _die_with_parent(options.lifeline)
    channel = Channel()
    try:
        psi4 = _psi4(options)
    except Exception as error:
        channel.send({"error": f"cannot import psi4 ({type(error).__name__}: {error})"})
        return
    channel.send({"version": psi4.__version__, "pid": os.getpid()})
    guesses = LearnedGuesses(psi4.__version__)
    tasks = {"gradient": lambda request: labelled(psi4, request, guesses), "check": lambda request: check(psi4, request)}
    for request in channel.requests():
        channel.send({"id": request["id"], **tasks[request["task"]](request)})


def labelled(psi4: Any, request: Json, guesses: LearnedGuesses) -> Json:
    """The answer, with what others can learn from it."""
    guesses.hear(request)
    answer, told = gradient(psi4, request, guesses), guesses.tell()
    return {**answer, "orbitals": told} if told else answer


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--lifeline", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory-mib", type=int, default=1000)
    return parser.parse_args()


def _die_with_parent(lifeline: int) -> None:
    """End this process as soon as the other end of a pipe that carries nothing is closed, whatever it is doing.

    The kernel then sends SIGIO, whose default is to end the process. It needs no Python to run, which Psi4's C++ may
    hold up for minutes, and unlike PR_SET_PDEATHSIG it does not fire when a mere thread of the parent ends.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    closed = select.poll()
    closed.register(lifeline, 0)
    if closed.poll(0):  # before the lines above took effect
        sys.exit(1)


def _psi4(options: argparse.Namespace) -> Any:
    os.environ["PSI_SCRATCH"] = options.scratch
    import psi4

    psi4.core.set_output_file(str(OUTPUT), False)
    psi4.core.IOManager.shared_object().set_default_path(options.scratch + "/")
    psi4.set_num_threads(options.threads)
    psi4.set_memory(f"{options.memory_mib} MiB")
    BasisSets.install(psi4)
    return psi4
