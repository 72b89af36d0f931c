"""One campaign, disturbed as planned and started again until it is done; what it came to, held against an undisturbed one."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reactal.runner import Campaign
from tests.campaigns import end_of, leps_campaign
from tests.chaos.plan import Fault
from tests.chaos.services import WORKERS, Services
from tests.labeling.watching import executions

ROOT = Path(__file__).parents[2]
LOOK_S = 0.1
STARTS = 12  # of a driver; more means that it never gets through
DEADLINE_S = 420.0
AWAY_S, HANG_S, FAILING_S = 3.0, 3.0, 8.0
EVERY = 5
FINE = (0, 1, 2, 3, 130, -signal.SIGKILL, -signal.SIGINT)  # exit codes that a disturbed driver may have
COSTLY = ("kill driver", "kill worker", "kill scheduler", "interrupt driver", "second driver", "hangs", "store")


@dataclass
class Outcome:
    """What became of a run. `wrong`: what must not happen, in words."""

    seed: int
    faults: list[str]
    seconds: float = 0.0
    recovery: float = 0.0  # longest time from a fault to the next event of the journal
    starts: int = 0
    paid_twice: int = 0
    lost: int = 0
    wrong: list[str] = field(default_factory=list)


class Disturbed:
    """A campaign under way. Everything happens in this thread, a look every tenth of a second."""

    def __init__(self, folder: Path, services: Services, log: Path, *, seed: int, faults: list[Fault]) -> None:
        self._services, self._log = services, log
        self._paid = len(executions(log)) if log.exists() else 0
        self.store = services.s3.new_bucket().replace(services.s3.endpoint, services.proxy.endpoint)
        self.file = leps_campaign(
            folder,
            store=self.store,
            cluster={"kind": "address", "address": services.dask},
            tracking={"kind": "mlflow", "uri": services.mlflow},
            resources={"slots": WORKERS},
        )
        self.outcome = Outcome(seed, [str(fault) for fault in faults])
        self._faults = list(faults)
        self._later: list[tuple[float, Any]] = []
        self._drivers: list[subprocess.Popen[str]] = []
        self._events, self._shaken = 0, None

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
        ended = [driver for driver in self._drivers if driver.poll() is not None]
        for driver in ended:
            self._drivers.remove(driver)
            if self._read(driver) == 0 and not self._drivers:
                return False
        if not self._drivers:
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
        command = [str(Path(sys.executable).with_name("reactal")), "run", str(self.file), "--json"]
        self._drivers.append(
            subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._services.environ(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        )
        self.outcome.starts += 1

    def _disturb(self, kind: str, now: float) -> None:
        self._shaken = now if self._shaken is None else self._shaken
        services, proxy = self._services, self._services.proxy
        if kind == "kill driver":
            self._drivers[0].kill()
        elif kind == "interrupt driver":
            self._drivers[0].send_signal(signal.SIGINT)
        elif kind == "second driver":
            self._start()
        elif kind == "store fails":
            proxy.every = EVERY
            self._later.append((now + FAILING_S, lambda: setattr(proxy, "every", 0)))
        elif kind == "store away":
            proxy.away = True
            self._later.append((now + AWAY_S, lambda: setattr(proxy, "away", False)))
        elif kind.endswith("hangs"):
            worker = services.supervised[kind.removesuffix(" hangs")]
            worker.pause(signal.SIGSTOP)
            self._later.append((now + HANG_S, lambda: worker.pause(signal.SIGCONT)))
        else:
            services.kill(kind.removeprefix("kill "))
            self._later.append((now + 1.0, services.tend))

    def _watch_journal(self, now: float) -> None:
        if self._shaken is None:
            return
        count = len(journal(self._services, self.store))
        if count > self._events:
            self.outcome.recovery = max(self.outcome.recovery, now - self._shaken)
            self._shaken = None
        self._events = count

    def _read(self, driver: subprocess.Popen[str]) -> int:
        output, errors = driver.communicate()
        code = driver.returncode
        if code not in FINE:
            self.outcome.wrong.append(f"exit code {code}: {errors[-300:]}")
        if "Traceback" in errors:
            self.outcome.wrong.append(f"a traceback: {errors[errors.index('Traceback') :][-1500:]}")
        if code == 0 and not _is_one_object(output):
            self.outcome.wrong.append(f"no JSON object on standard output but {output[:200]!r}; errors: {errors[-1000:]}")
        return code

    def _calm(self) -> None:
        proxy = self._services.proxy
        proxy.every, proxy.away = 0, False
        for _, mend in self._later:
            mend()
        for driver in self._drivers:
            driver.kill()
            driver.communicate()
        self._services.wait()

    def judge(self, undisturbed: dict[str, Any]) -> None:
        """Same end, nothing lost, and nothing paid twice but what was being computed by what was killed."""
        with Campaign(self.file) as campaign:
            end = end_of(campaign)
        self.outcome.lost = len(set(undisturbed["labels"]) - set(end["labels"]))
        self.outcome.wrong += [f"another {name} than undisturbed" for name in undisturbed if end[name] != undisturbed[name]]
        keys = Counter(str(line["key"]) for line in executions(self._log)[self._paid :])
        self.outcome.paid_twice = sum(count - 1 for count in keys.values())
        allowed = WORKERS * sum(any(word in fault for word in COSTLY) for fault in self.outcome.faults)
        if self.outcome.paid_twice > allowed:
            self.outcome.wrong.append(f"{self.outcome.paid_twice} labels paid twice, {allowed} may be")


def journal(services: Services, store: str) -> list[str]:
    """Keys of the events, asked past the proxy."""
    bucket = re.match(r"s3://([^/?]+)", store)
    assert bucket is not None
    found = services.s3.client().list_objects_v2(Bucket=bucket[1])
    return [entry["Key"] for entry in found.get("Contents", ()) if "/journal/" in entry["Key"]]


def _is_one_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
