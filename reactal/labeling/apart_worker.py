"""`python -m reactal.labeling.apart_worker`: computes labels for `ApartProcess`, a JSON object a line in both directions."""

from __future__ import annotations

import argparse
import json
import os
import queue
import resource
import sys
import threading
from dataclasses import replace
from typing import Any, final

from reactal.chem import Label, LabelFailure, Structure, Theory
from reactal.errors import ReactalError
from reactal.labeling.base import Labeler, LabelingResources
from reactal.labeling.programs import PROGRAMS, Inside
from reactal.labeling.psi4_worker.peak_memory import PeakMemory

__all__ = ["main"]


def main() -> None:
    """Answer until the other end is gone, which ends this process at once, whatever it is doing."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--threads", type=int, required=True)
    arguments.add_argument("--memory-mib", type=int, required=True)
    given = arguments.parse_args()
    resources = LabelingResources(threads=given.threads, memory_mib=given.memory_mib)
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what programs print goes to the log
        requests: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=_listen, args=(requests,), daemon=True).start()
        worker = _Worker(resources)
        while True:
            answer = worker.answer(json.loads(requests.get()))
            answers.write(json.dumps(answer).encode() + b"\n")
            answers.flush()


def _listen(requests: queue.Queue[bytes]) -> None:
    for line in sys.stdin.buffer:
        requests.put(line)
    os._exit(0)


@final
class _Worker:
    """Answers `check`: a theory for a structure; `theory`: the one to compute from now on; `structure`: its label."""

    def __init__(self, resources: LabelingResources) -> None:
        self._resources = resources
        self._labeler: Labeler | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            if "check" in request:
                theory = Theory.from_json(request["check"])
                _inside(theory).check(theory, Structure.from_json(request["structure"]), self._resources)
                return {}
            if "theory" in request:
                theory = Theory.from_json(request["theory"])
                self._labeler = _inside(theory).make(theory, self._resources)
                return {}
        except ReactalError as error:
            return {"refusal": type(error).__name__, "message": str(error)}
        assert self._labeler is not None
        peak = PeakMemory()
        found = _with_memory(self._labeler.compute(Structure.from_json(request["structure"])), peak.mib())
        return {"failure" if isinstance(found, LabelFailure) else "label": found.as_json()}


def _with_memory(found: Label | LabelFailure, peak_mib: float | None) -> Label | LabelFailure:
    """The most that this process had resident meanwhile, or that any program had which it has started so far."""
    if peak_mib is None or not found.attempts:
        return found
    started_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    *earlier, last = found.attempts
    return replace(found, attempts=(*earlier, replace(last, memory_mib=max(peak_mib, started_mib))))


def _inside(theory: Theory) -> Inside:
    inside = PROGRAMS[theory.program]().inside
    assert inside is not None  # else nobody would ask here
    return inside


if __name__ == "__main__":
    main()
