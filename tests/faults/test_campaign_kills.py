"""A campaign whose driver is killed, again and again, at any step: it comes to the same end and pays for nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from select import select
from typing import Any

import pytest

from reactal.campaign.events import Outcome
from reactal.chem import Label
from reactal.labeling.programs import make_labeler
from reactal.runner import Campaign
from tests.campaigns import end_of, leps_campaign
from tests.labeling.watching import executions, is_alive, until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BUSY_S = 0.05  # of processor time after a step: in the middle of what follows it
SLOTS = 2
RECOMPUTED = 5
ENERGY_AGREES, FORCE_AGREES = 1e-6, 1e-5  # eV, eV/angstrom


@dataclass(frozen=True)
class Kill:
    """After which step; `busy`: not at once, but while the driver computes what comes next."""

    step: str
    busy: bool = False


JOURNEYS = {
    "between two events": [
        Kill("seed begin"),
        Kill("label 0 begin"),
        Kill("train 0 begin"),
        Kill("explore 0 begin"),
        Kill("select 0 begin"),
        Kill("label 1 begin"),
        Kill("calibrate begin"),
        Kill("train 1 begin"),
    ],
    "all done but its event": [
        Kill("seed end"),
        Kill("label 0 end"),
        Kill("train 0 end"),
        Kill("explore 0 end"),
        Kill("select 0 end"),
        Kill("label 1 end"),
        Kill("calibrate end"),
        Kill("explore 1 end"),
    ],
    "in the middle": [
        Kill("seed 3"),
        Kill("label 0 3"),
        Kill("label 0 9"),
        Kill("train 0 begin", busy=True),
        Kill("explore 0 begin", busy=True),
        Kill("explore 0 1", busy=True),
        Kill("label 1 4"),
        Kill("train 1 begin", busy=True),
        Kill("explore 1 2"),
    ],
}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "executions"


class Drivers:
    """Starts drivers one after the other, follows what they do and kills them. `processes` is what forks them."""

    def __init__(self, processes: subprocess.Popen[str]) -> None:
        assert processes.stdin is not None
        assert processes.stdout is not None
        self._to, self._from = processes.stdin, processes.stdout

    def kill(self, kill: Kill, file: Path, log: Path) -> None:
        """Start one and kill it there."""
        pid = self._start(file, log)
        for line in iter(self._line, kill.step):
            assert not line.startswith("ended"), f"the driver {line} before the step {kill.step!r}"
            self._go_on()
        if kill.busy:
            began = busy_seconds(pid)
            self._go_on()
            until(lambda: busy_seconds(pid) > began + BUSY_S or self._said_more(), "the driver to be at work")
        os.kill(pid, signal.SIGKILL)
        assert [line for line in iter(self._line, f"ended {-signal.SIGKILL}") if line.startswith("ended")] == []

    def run(self, file: Path, log: Path) -> dict[str, Any]:
        """Let one run to its end."""
        self._start(file, log)
        while not (line := self._line()).startswith("ended"):
            self._go_on()
        assert line == "ended 0"
        with Campaign(file) as campaign:
            return end_of(campaign)

    def _start(self, file: Path, log: Path) -> int:
        self._to.write(f"{file}\t{log}\n")
        return int(self._line())

    def _line(self) -> str:
        return self._from.readline().rstrip("\n")

    def _go_on(self) -> None:
        self._to.write("\n")

    def _said_more(self) -> bool:
        return bool(select([self._from], [], [], 0)[0])


@pytest.fixture(scope="module")
def drivers() -> Iterator[Drivers]:
    command = [sys.executable, "-m", "tests.faults.campaign_driver"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as processes:
        yield Drivers(processes)


def busy_seconds(pid: int) -> float:
    """Processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def undisturbed(drivers: Drivers, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], int]:
    """How the campaign ends when nobody disturbs it, and how many calculations that takes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    end = drivers.run(leps_campaign(folder), folder / "executions")
    assert end["outcome"] is Outcome.BUDGET_SPENT
    return end, len(executions(folder / "executions"))


@pytest.mark.parametrize("journey", JOURNEYS)
def test_driver_killed_in_every_stage(
    journey: str, drivers: Drivers, undisturbed: tuple[dict[str, Any], int], tmp_path: Path, log: Path
) -> None:
    file, kills = leps_campaign(tmp_path, resources={"slots": SLOTS}), JOURNEYS[journey]
    for kill in kills:
        drivers.kill(kill, file, log)
    end, needed = undisturbed
    assert drivers.run(file, log) == end
    again = [key for key, count in Counter(line["key"] for line in executions(log)).items() if count > 1]
    assert len(executions(log)) <= needed + len(kills) * SLOTS, again


def test_other_resources_after_each_kill(
    drivers: Drivers, undisturbed: tuple[dict[str, Any], int], tmp_path: Path, log: Path
) -> None:
    for kill, slots in ((Kill("label 0 4"), 1), (Kill("label 1 begin"), 2)):
        file = leps_campaign(tmp_path, resources={"slots": slots, "timeout_seconds": 60.0 * slots})
        drivers.kill(kill, file, log)
    end, needed = undisturbed
    assert drivers.run(leps_campaign(tmp_path, resources={"slots": 3}), log) == end
    assert len(executions(log)) <= needed + 2 * SLOTS


PSI4: dict[str, Any] = {
    "theory": {"program": "psi4", "method": "hf", "basis": "sto-3g", "keywords": {}},
    "seeding": {"relax_steps": 4, "images": 7},
    "selection": {"batch": 6, "focus_batch": 4},
    "budget": {"labels": 24},
}


def psi4_campaign(folder: Path, *, slots: int, timeout_s: float) -> Path:
    return leps_campaign(folder, **PSI4, resources={"slots": slots, "timeout_seconds": timeout_s, "memory_mib": 500})


@pytest.mark.psi4
def test_driver_of_psi4_killed_and_its_resources_changed(drivers: Drivers, tmp_path: Path, log: Path) -> None:
    """What Psi4 had computed is found again although slots and timeout are others now."""
    kills = (Kill("seed 3"), Kill("label 0 2"), Kill("train 0 begin", busy=True), Kill("label 1 3"))
    before: set[str] = set()
    for number, kill in enumerate(kills):
        file = psi4_campaign(tmp_path, slots=1 + number % SLOTS, timeout_s=100.0 + number)
        drivers.kill(kill, file, log)
        computing = family(log)
        until(lambda pids=computing: not any(map(is_alive, pids)), "the end of what the driver had started")  # type: ignore[misc]
        stored = labels_of(file)
        assert before <= stored
        before = stored
    end = drivers.run(psi4_campaign(tmp_path, slots=2, timeout_s=300.0), log)
    assert end["outcome"] is Outcome.BUDGET_SPENT
    assert set(end["dataset"]) <= set(end["labels"])
    with Campaign(file) as campaign:
        assert campaign.state.failed == 0
    recomputed(file, end["labels"][:RECOMPUTED])
    counts = Counter(str(line["key"]) for line in executions(log))
    assert set(end["labels"]) <= set(counts)
    assert sum(counts.values()) <= len(counts) + SLOTS * len(kills)
    assert len(counts) <= len(end["labels"]) + SLOTS * len(kills)


def recomputed(file: Path, keys: Sequence[str]) -> None:
    """What the store holds is what Psi4 says again, in a process that knows of nothing before."""
    with Campaign(file) as campaign:
        labels = [(campaign.bench.label_of(key), campaign.bench.structure_of(key)) for key in keys]
        labeler = make_labeler(campaign.bench.theory)
    for label, structure in labels:
        again = labeler.compute(structure)
        assert isinstance(again, Label)
        assert again.energy == pytest.approx(label.energy, abs=ENERGY_AGREES)
        assert again.forces == pytest.approx(label.forces, abs=FORCE_AGREES)
    labeler.close()


def labels_of(file: Path) -> set[str]:
    with Campaign(file) as campaign:
        return set(campaign.bench.labels.keys(campaign.bench.theory.fingerprint))


def family(log: Path) -> set[int]:
    """Every process that computes."""
    return {int(str(line["pid"])) for line in executions(log)}
