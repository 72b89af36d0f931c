"""What became of runs, kept line by line in a file, so that many can be made in several sittings and side by side."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Outcome:
    """What became of a run. `wrong`: what must not happen, in words."""

    seed: int
    faults: list[str] = field(default_factory=list)  # that came, in order
    seconds: float = 0.0
    recovery: float = 0.0  # longest time from a fault to the next event of the journal
    starts: int = 0
    paid_twice: int = 0
    lost: int = 0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        verdict = "; ".join(self.wrong) or "as undisturbed"
        return f"seed {self.seed}: {', '.join(self.faults)}: {self.seconds:.0f} s, {self.starts} starts, {verdict}"


def append(file: Path, outcome: Outcome) -> None:
    """One write of one line: others may append, too."""
    with file.open("ab", buffering=0) as lines:
        lines.write(json.dumps(asdict(outcome)).encode() + b"\n")


def read(file: Path) -> list[Outcome]:
    """Empty where there is no file yet; the last outcome of a seed that was run twice."""
    lines = file.read_text().splitlines() if file.exists() else []
    return list({(found := Outcome(**json.loads(line))).seed: found for line in lines}.values())


def summary(outcomes: Iterable[Outcome]) -> dict[str, object]:
    """The one JSON object that `make chaos` prints."""
    runs = sorted(outcomes, key=lambda outcome: outcome.seed)
    kinds = Counter(fault.rpartition(" at ")[0] for outcome in runs for fault in outcome.faults)
    return {
        "runs": len(runs),
        "faults": dict(kinds),
        "faults_injected": kinds.total(),
        "labels_lost": sum(outcome.lost for outcome in runs),
        "labels_paid_twice": sum(outcome.paid_twice for outcome in runs),
        "longest_recovery_s": round(max((outcome.recovery for outcome in runs), default=0.0), 1),
        "failed": [asdict(outcome) for outcome in runs if outcome.wrong],
    }
