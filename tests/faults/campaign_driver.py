"""Drivers to be killed, each a process of its own: `python -m tests.faults.campaign_driver`.

This process imports what campaigns need, which takes long, and forks a driver for each line `FILE<tab>EXECUTION_LOG` that it
reads. The driver says its number and then each step that it takes, and waits for leave to take the next, so that whoever
reads can kill it exactly there. When it has ended, however that was, this process says so.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping

import reactal.potentials.export
import reactal.stages.explore
import reactal.stages.reporting
import reactal.training.committee  # noqa: F401 - loaded here once, not by every driver
from reactal.labeling.execution_log import EXECUTION_LOG
from reactal.runner import Campaign


class SteppedProgress:
    """A `Progress` whose steps are the lines `STAGE begin`, `STAGE 1`, `STAGE 2`, ..., `STAGE end`."""

    def __init__(self) -> None:
        self._stage = ""

    def begin(self, stage: str, *, total: int | None = None) -> None:
        self._stage = stage
        self._step("begin")

    def update(self, done: int, facts: Mapping[str, str | int | float] | None = None) -> None:
        self._step(str(done))

    def end(self, summary: str) -> None:
        self._step("end")

    def _step(self, what: str) -> None:
        print(self._stage, what, flush=True)
        sys.stdin.readline()


def drive(file: str, log: str) -> int:
    os.environ[EXECUTION_LOG] = log
    print(os.getpid(), flush=True)
    try:
        with Campaign(file, progress=SteppedProgress()) as campaign:
            campaign.run()
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def serve() -> None:
    for line in iter(sys.stdin.readline, ""):
        pid = os.fork()
        if not pid:
            os._exit(drive(*line.rstrip("\n").split("\t")))
        print("ended", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
