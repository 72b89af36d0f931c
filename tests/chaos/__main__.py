"""`make chaos`: campaigns on real servers that are killed, cut off and doubled; a line for each run, then one JSON object."""

from __future__ import annotations

import argparse
import json
import math
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.chaos.clock import COMPILER
from tests.chaos.drivers import Drivers
from tests.chaos.outcome import Outcome, append, read, summary
from tests.chaos.plan import CLOCK, FULL, plan
from tests.chaos.run import Disturbed
from tests.chaos.services import Services, running
from tests.store.s3_servers import credentials

TRIALS = 3
TERMINATED = 143


class Sitting:
    """Servers, warm drivers, and what a campaign comes to that nothing disturbs."""

    def __init__(self, folder: Path, services: Services, *, warm: int) -> None:
        self._folder, self._services, self._drivers = folder, services, Drivers(services.environ())
        missing = {FULL: services.disk is None, CLOCK: COMPILER is None}
        self.without = tuple(kind for kind, is_missing in missing.items() if is_missing)
        for number in range(warm):  # the first fills caches; the last says how long a run takes
            self._seconds, self._end = self._undisturbed(number)

    def run(self, seed: int) -> Outcome:
        """One that ended before anything had come to disturb it is made again, with what is planned to come sooner."""
        for trial in range(TRIALS):
            faults = plan(seed, self._seconds, without=self.without)
            run = Disturbed(self._folder / f"run-{seed}-{trial}", self._services, self._drivers, seed=seed, faults=faults)
            run.run()
            run.judge(self._end)
            if not run.outcome.wrong:
                run.remove()
            if run.outcome.faults or run.outcome.wrong:
                break
            self._seconds = min(self._seconds, run.outcome.seconds)
        return run.outcome

    def _undisturbed(self, number: int) -> tuple[float, dict[str, Any]]:
        from reactal.runner import Campaign
        from tests.campaigns import end_of

        calm = Disturbed(self._folder / f"undisturbed-{number}", self._services, self._drivers, seed=-1, faults=[])
        calm.run()
        assert not calm.outcome.wrong, calm.outcome.wrong
        with Campaign(calm.file) as campaign:
            return calm.outcome.seconds, end_of(campaign)


@contextmanager
def sitting(folder: Path, *, warm: int = 2) -> Iterator[Sitting]:
    with credentials(), running(folder) as services:
        yield Sitting(folder, services, warm=warm)


def chaos(folder: Path, seeds: Sequence[int], *, minutes: float | None = None, warm: int = 2) -> Iterator[Outcome]:
    """A run for each seed, until they are done or, after the first, the time is up."""
    with sitting(folder, warm=warm) as here:
        for kind in here.without:
            print(f"not on this machine: {kind}", file=sys.stderr)
        until = math.inf if minutes is None else time.monotonic() + 60 * minutes
        for number, seed in enumerate(seeds):
            if number and time.monotonic() > until:
                return
            yield here.run(seed)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # by way of all that ends servers
    options = _options()
    if options.beside > 1:
        sys.exit(_beside(options))
    done = {outcome.seed for outcome in read(options.results) if not outcome.wrong}
    seeds = [seed for seed in range(options.seed, options.seed + options.runs * options.step, options.step) if seed not in done]
    with tempfile.TemporaryDirectory() as folder:
        for outcome in chaos(Path(folder), seeds, minutes=options.minutes) if seeds else ():
            append(options.results, outcome)
            print(outcome, file=sys.stderr, flush=True)
    sys.exit(_tell(options.results))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first run")
    parser.add_argument("--step", type=int, default=1, help="from seed to seed")
    parser.add_argument("--minutes", type=float, help="stop beginning runs after so long")
    parser.add_argument("--beside", type=int, default=1, help="so many runs side by side, each with servers of its own")
    parser.add_argument("--results", type=Path, help="file of outcomes, a line each; runs that went well are not made again")
    options = parser.parse_args()
    if options.results is None:
        options.results = Path(tempfile.mkdtemp(prefix="reactal-chaos-")) / "results.jsonl"
        print(f"results are in {options.results}; go on with --results", file=sys.stderr)
    return options


def _beside(options: argparse.Namespace) -> int:
    """The seeds dealt out to processes that append to the same file."""
    runs = [len(range(number, options.runs, options.beside)) for number in range(options.beside)]
    common = ["--step", str(options.step * options.beside), "--results", str(options.results)]
    common += [] if options.minutes is None else ["--minutes", str(options.minutes)]
    processes = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.chaos",
                *common,
                "--runs",
                str(count),
                "--seed",
                str(options.seed + number * options.step),
            ],
            stdout=subprocess.DEVNULL,
        )
        for number, count in enumerate(runs)
        if count
    ]
    try:
        broken = [process.wait() not in (0, 1) for process in processes]
    finally:
        for process in processes:
            process.terminate()  # where we were told to end
    return max(_tell(options.results), int(any(broken)))


def _tell(results: Path) -> int:
    found = summary(read(results))
    print(json.dumps(found))
    return 1 if found["failed"] else 0


if __name__ == "__main__":
    main()
