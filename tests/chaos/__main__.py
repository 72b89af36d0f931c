"""`python -m tests.chaos --runs 200 --seed 0`: a line for each run, then one JSON object."""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from tests.chaos.plan import plan
from tests.chaos.run import Disturbed, Outcome
from tests.chaos.services import running
from tests.store.s3_servers import credentials


def chaos(folder: Path, *, runs: int, first: int, minutes: float | None = None, warm: int = 2) -> list[Outcome]:
    """Runs with seeds from `first`, until there are so many or, after the first, the time is up; before them some that nothing
    disturbs."""
    log = folder / "executions"
    outcomes: list[Outcome] = []
    with credentials(), running(folder, log) as services:
        for number in range(warm):  # the first fills caches; the last says how long a run takes
            calm = Disturbed(folder / f"undisturbed-{number}", services, log, seed=-1, faults=[])
            calm.run()
            assert not calm.outcome.wrong, calm.outcome.wrong
        from reactal.runner import Campaign
        from tests.campaigns import end_of

        with Campaign(calm.file) as campaign:
            end = end_of(campaign)
        until = math.inf if minutes is None else time.monotonic() + 60 * minutes
        for seed in range(first, first + runs):
            if outcomes and time.monotonic() > until:
                break
            run = Disturbed(folder / f"run-{seed}", services, log, seed=seed, faults=plan(seed, calm.outcome.seconds))
            run.run()
            run.judge(end)
            outcomes.append(run.outcome)
            print(_line(run.outcome), file=sys.stderr, flush=True)
    return outcomes


def _line(outcome: Outcome) -> str:
    verdict = "; ".join(outcome.wrong) or "as undisturbed"
    return f"seed {outcome.seed}: {', '.join(outcome.faults)}: {outcome.seconds:.0f} s, {outcome.starts} starts, {verdict}"


def summary(outcomes: list[Outcome]) -> dict[str, object]:
    kinds = Counter(fault.partition(" at ")[0] for outcome in outcomes for fault in outcome.faults)
    return {
        "runs": len(outcomes),
        "faults": dict(kinds),
        "faults_injected": kinds.total(),
        "labels_lost": sum(outcome.lost for outcome in outcomes),
        "labels_paid_twice": sum(outcome.paid_twice for outcome in outcomes),
        "longest_recovery_s": round(max((outcome.recovery for outcome in outcomes), default=0.0), 1),
        "failed": [asdict(outcome) for outcome in outcomes if outcome.wrong],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the first run; the others count on from it")
    parser.add_argument("--minutes", type=float, help="stop beginning runs after so long")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = chaos(Path(folder), runs=options.runs, first=options.seed, minutes=options.minutes)
    found = summary(outcomes)
    print(json.dumps(found))
    sys.exit(1 if found["failed"] else 0)


if __name__ == "__main__":
    main()
