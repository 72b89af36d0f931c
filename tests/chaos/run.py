"""One campaign, disturbed as planned and started again until it is done; what it came to, held against an undisturbed one."""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from reactal.runner import Campaign
from tests.campaigns import end_of, leps_campaign
from tests.chaos.clock import set_clock
from tests.chaos.drivers import Driver, Drivers
from tests.chaos.outcome import Outcome
from tests.chaos.plan import CLOCK, FULL, TOGETHER, Fault
from tests.chaos.services import WORKERS, Services
from tests.labeling.watching import executions

LOOK_S, JOURNAL_S = 0.05, 0.3
STARTS = 15  # of a driver; more means that it never gets through
DEADLINE_S = 420.0
AWAY_S, HANG_S, FAILING_S, SLOW_S, FULL_S = 3.0, 3.0, 8.0, 6.0, 4.0
REST_S = 0.7  # before whoever watches starts a driver again
EVERY = 5
DELAY_S = 0.2
TORN = 3
JUMP_S = 7200
FINE = (0, 1, 2, 130, -signal.SIGKILL, -signal.SIGINT)  # exit codes that a disturbed driver may have
COSTLY = (
    *("kill driver", "kill worker", "kill scheduler", "interrupt driver", "second driver", TOGETHER, "hangs", FULL),
    *("store fails", "store away", "driver killed"),
)
"""What may end a driver or a worker in the middle of a label each slot."""
BUDGET = 30
"""Labels: two rounds."""


class Disturbed:
    """A campaign under way. Everything happens in this thread, many looks a second."""

    def __init__(self, folder: Path, services: Services, drivers: Drivers, *, seed: int, faults: list[Fault]) -> None:
        self._services, self._start_driver, self._log = services, drivers.start, services.executions
        self._paid = len(executions(self._log))
        self._folder = folder
        folder.mkdir()
        on_disk = any(fault.kind == FULL for fault in faults)
        home = services.disk.folder / folder.name if on_disk and services.disk is not None else folder
        self.store = (home / "store").as_uri() if on_disk else services.new_bucket()
        self.file = leps_campaign(
            home,
            store=self.store,
            cluster={"kind": "address", "address": services.dask},
            tracking={"kind": "mlflow", "uri": services.mlflow},
            resources={"slots": WORKERS},
            budget={"labels": BUDGET},
        )
        self.outcome = Outcome(seed)
        self._clock = folder / "clock" if any(fault.kind == CLOCK for fault in faults) else None
        self._faults = list(faults)
        self._later: list[tuple[float, Any]] = []
        self._drivers: list[Driver] = []
        self._events, self._shaken, self._looked, self._ended = 0, None, 0.0, 0.0

    def run(self) -> None:
        began = time.monotonic()
        try:
            self._start()
            while self._goes_on(time.monotonic() - began):
                time.sleep(LOOK_S)
        finally:
            self._calm()
        self.outcome.seconds = time.monotonic() - began

    def _goes_on(self, now: float) -> bool:
        while self._faults and self._faults[0].after <= now:
            self._disturb(self._faults.pop(0).kind, now)
        for due, mend in [item for item in self._later if item[0] <= now]:
            self._later.remove((due, mend))
            mend()
        self._watch_journal(now)
        for driver in [driver for driver in self._drivers if driver.code is not None]:
            self._drivers.remove(driver)
            self._ended = now
            if self._read(driver) == 0 and not self._drivers:
                return False
        if not self._drivers and now > self._ended + REST_S:
            if self.outcome.starts >= STARTS:
                self.outcome.wrong.append(f"not done after {STARTS} starts")
                return False
            self._services.tend()
            self._start()
        if now > DEADLINE_S:
            self.outcome.wrong.append(f"not done after {DEADLINE_S:g} s")
            return False
        return True

    def _start(self) -> None:
        scratch = self.file.parent / "scratch"  # on the same disk
        scratch.mkdir(exist_ok=True)
        said = self._folder / f"driver-{self.outcome.starts}"
        self._drivers.append(self._start_driver(self.file, said, clock=self._clock, environ={"TMPDIR": str(scratch)}))
        self.outcome.starts += 1

    def _disturb(self, kind: str, now: float) -> None:
        """Where a driver is to be struck there has to be one."""
        services, proxy, disk = self._services, self._services.proxy, self._services.disk
        if kind in ("kill driver", "interrupt driver") and self._drivers:
            self._drivers[0].send(signal.SIGKILL if kind == "kill driver" else signal.SIGINT)
        elif kind in ("second driver", TOGETHER):
            self._start()
        elif kind == CLOCK and self._clock is not None:
            set_clock(self._clock, JUMP_S if self.outcome.seed % 2 else -JUMP_S)
        elif kind == FULL and disk is not None:
            disk.fill()
            self._later.append((now + FULL_S, disk.free))
        elif kind == "driver killed in an upload":
            proxy.at_part = partial(self._strike, kind, now)
            return  # it counts when it strikes
        elif kind == "upload cut":
            proxy.torn = TORN
        elif kind.startswith("store"):
            name, value, seconds = {
                "store fails": ("every", EVERY, FAILING_S),
                "store away": ("away", True, AWAY_S),
                "store slow": ("delay", DELAY_S, SLOW_S),
            }[kind]
            setattr(proxy, name, value)
            self._later.append((now + seconds, partial(setattr, proxy, name, type(value)())))
        elif kind.endswith("hangs"):
            worker = services.supervised[kind.removesuffix(" hangs")]
            worker.pause(signal.SIGSTOP)
            self._later.append((now + HANG_S, partial(worker.pause, signal.SIGCONT)))
        elif kind.startswith("kill ") and kind != "kill driver":
            services.kill(kind.removeprefix("kill "))
            self._later.append((now + 1.0, services.tend))
        else:
            return
        self._shaken = now if self._shaken is None else self._shaken
        self.outcome.faults.append(str(Fault(kind, now)))

    def _strike(self, kind: str, now: float) -> None:
        """While the server has a part and the driver waits for the answer; a worker's upload is as good a moment."""
        for driver in self._drivers:
            driver.kill()
        self.outcome.faults.append(str(Fault(kind, now)))

    def _watch_journal(self, now: float) -> None:
        if self._shaken is None or now < self._looked + JOURNAL_S:
            return
        self._looked = now
        count = len(self._services.journal(self.store))
        if count > self._events:
            self.outcome.recovery = max(self.outcome.recovery, now - self._shaken)
            self._shaken = None
        self._events = count

    def _read(self, driver: Driver) -> int:
        code, output, errors = driver.code, driver.output.read_text(), driver.errors.read_text()
        assert code is not None
        if code not in FINE:
            self.outcome.wrong.append(f"exit code {code}: {errors[-300:]}")
        if "Traceback" in errors:
            self.outcome.wrong.append(f"a traceback: {errors[errors.index('Traceback') :][-1500:]}")
        if code >= 0 and (said := wrong_words(code, output, errors)):
            self.outcome.wrong.append(f"exit code {code}, and {said}: {output[:300]!r}; errors: {errors[-1000:]}")
        return code

    def _calm(self) -> None:
        proxy = self._services.proxy
        proxy.every, proxy.away, proxy.delay, proxy.torn, proxy.at_part = 0, False, 0.0, 0, None
        for _, mend in self._later:
            mend()
        for driver in self._drivers:
            driver.kill()
            driver.wait()
        self._services.wait()

    def judge(self, undisturbed: dict[str, Any]) -> None:
        """Same end, nothing lost, and nothing paid twice but what was being computed by what was killed."""
        with Campaign(self.file) as campaign:  # which replays the journal
            end = end_of(campaign)
        self.outcome.lost = len(set(undisturbed["labels"]) - set(end["labels"]))
        self.outcome.wrong += [f"another {name} than undisturbed" for name in undisturbed if end[name] != undisturbed[name]]
        keys = Counter(str(line["key"]) for line in executions(self._log)[self._paid :])
        self.outcome.paid_twice = sum(count - 1 for count in keys.values())
        allowed = WORKERS * sum(any(word in fault for word in COSTLY) for fault in self.outcome.faults)
        if self.outcome.paid_twice > allowed:
            self.outcome.wrong.append(f"{self.outcome.paid_twice} labels paid twice, {allowed} may be")

    def remove(self) -> None:
        """What a run that went well has left."""
        for folder in {self._folder, self.file.parent}:
            shutil.rmtree(folder, ignore_errors=True)


def wrong_words(code: int, output: str, errors: str) -> str:
    """What is wrong with the last words of a driver that ended by itself; nothing where they are as promised."""
    try:
        said = json.loads(output)
    except ValueError:
        return "no JSON object on standard output"
    if not isinstance(said, dict):
        return "no JSON object on standard output"
    if code == 0:
        return "an error in the object" if "error" in said else ""
    last = (errors.splitlines() or [""])[-1]
    if said.get("exit_code") != code or not said.get("error"):
        return "no error and exit code in the object"
    return "" if re.match(r"error: \S|stopped; run again", last) else "no error sentence as the last line"
