"""Drivers of campaigns: `reactal run`, forked from a process that has loaded what one imports, or as a command of its own.

What a driver imports takes longer than the campaign. A forked one is a process like any other: it has its own signals, exit code
and output. One whose clock is to jump is a command, with a library loaded before all others.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.clock import wrong_clock

ROOT = Path(__file__).parents[2]
WARM = (
    "reactal.cli.main",
    "reactal.cli.run",
    "reactal.cli.engine",
    "reactal.cli.progress",
    "reactal.cli.verdict",
    "reactal.cli.interrupts",
    "flows.campaign",
    "reactal.potentials.export",
    "reactal.report.companions",
    "reactal.report.html",
    "reactal.stages.explore",
    "reactal.stages.reporting",
    "reactal.store.s3",
    "reactal.tracking.mlflow",
    "reactal.tracking.packaging",
    "reactal.training.committee",
    "distributed",
)


@dataclass
class Driver:
    """A driver under way, or what it left."""

    process: Any
    output: Path
    errors: Path

    @property
    def code(self) -> int | None:
        """As the shell's parent sees it: negative for a signal; None while it runs."""
        if isinstance(self.process, subprocess.Popen):
            return self.process.poll()
        code: int | None = self.process.exitcode
        return code

    def send(self, what: signal.Signals) -> None:
        """Nothing where it has ended already."""
        if self.code is None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, what)

    def kill(self) -> None:
        self.send(signal.SIGKILL)

    def wait(self) -> None:
        getattr(self.process, "wait", getattr(self.process, "join", None))()


class Drivers:
    """Starts them; `environ` is theirs. Leaves one process behind, which ends with this one."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(list(WARM))
        before = dict(os.environ)
        os.environ.update(self._environ)  # settings are read where a library is imported
        try:
            from multiprocessing.forkserver import ensure_running

            from reactal.cli.run import show_only_ours

            show_only_ours()
            ensure_running()
        finally:
            os.environ.clear()
            os.environ.update(before)

    def start(self, file: Path, said: Path, *, clock: Path | None = None, environ: Mapping[str, str] | None = None) -> Driver:
        """`reactal run FILE --json`; its words go to `said.out` and `said.err`. `clock`: a file that says by how much its clock
        is wrong."""
        output, errors = said.with_suffix(".out"), said.with_suffix(".err")
        changed = {**self._environ, **(environ or {})}
        if clock is None:
            process: Any = self._context.Process(target=drive, args=(str(file), changed, str(output), str(errors)))
            process.start()
        else:
            process = _command(file, {**changed, **wrong_clock(clock)}, output, errors)
        return Driver(process, output, errors)


def drive(file: str, environ: Mapping[str, str], output: str, errors: str) -> None:
    """In the forked process: the command, from its own session, output and environment to its exit code."""
    os.setsid()
    for path, descriptor in ((output, 1), (errors, 2)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.environ.update(environ)
    os.chdir(ROOT)
    from reactal.cli.main import invoke

    code = invoke(["run", file, "--json"])
    atexit._run_exitfuncs()  # which a forked process leaves out
    sys.exit(code)


def _command(file: Path, environ: Mapping[str, str], output: Path, errors: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "reactal.cli.main", "run", str(file), "--json"]
    with output.open("wb") as out, errors.open("wb") as err:
        return subprocess.Popen(command, cwd=ROOT, env=dict(environ), stdout=out, stderr=err, start_new_session=True)
