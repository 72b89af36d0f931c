"""The Psi4 labeler when things go wrong around it: a real Psi4, killed, starved, silenced, renewed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from reactal.chem import FailureKind, Label, LabelFailure, Structure, Theory
from reactal.errors import ConfigError, LabelerUnavailable, UnknownTheory
from reactal.labeling import psi4, psi4_process
from reactal.labeling.base import LabelingResources, SizeRule
from reactal.labeling.execution_log import EXECUTION_LOG
from reactal.labeling.programs import check_theory
from reactal.labeling.psi4 import Psi4Labeler
from reactal.labeling.psi4_process import Psi4Process
from tests.labeling.molecules import hydrogens, water, waters
from tests.labeling.watching import executions, is_alive, latest_pid, until

ROOT = Path(__file__).parents[2]
QUICK = Theory.parse("hf/sto-3g")
LONG = Theory.parse("mp2/cc-pvqz")  # a few seconds for water
LEFT = {"owner.lock", "psi4.log", "stdout.log", "timer.dat"}  # between labels
GROWTH_MIB = 19
LABEL_MIB = 3  # what one small label adds; the first adds some 16

pytestmark = pytest.mark.psi4


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(EXECUTION_LOG, str(tmp_path / "executions"))
    return tmp_path / "executions"


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return tmp_path / "scratch"


@pytest.fixture
def quick(log: Path, scratch: Path) -> Iterator[Psi4Labeler]:
    labeler = Psi4Labeler(QUICK, LabelingResources(scratch=str(scratch)))
    yield labeler
    labeler.close()


def failure_of(resources: LabelingResources, theory: Theory = LONG) -> LabelFailure:
    labeler = Psi4Labeler(theory, resources)
    answer = labeler.compute(water(0.1))
    labeler.close()
    assert isinstance(answer, LabelFailure)
    return answer


def test_one_process_for_many_labels_and_no_scratch_left(quick: Psi4Labeler, log: Path, scratch: Path) -> None:
    for structure in waters(5):
        assert isinstance(quick.compute(structure), Label)
    pids = {line["pid"] for line in executions(log)}
    assert len(pids) == 1
    (folder,) = scratch.iterdir()
    assert {file.name for file in folder.iterdir()} <= LEFT
    quick.close()
    assert list(scratch.iterdir()) == []


def pids_of(structures: list[Structure], log: Path, resources: LabelingResources) -> list[object]:
    """The process of each label."""
    labeler = Psi4Labeler(QUICK, resources)
    for structure in structures:
        assert isinstance(labeler.compute(structure), Label)
    labeler.close()
    return [line["pid"] for line in executions(log)]


def test_a_process_is_renewed_after_its_share_of_labels(log: Path) -> None:
    pids = pids_of(waters(5), log, LabelingResources(labels_per_process=2))
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [2, 2, 1]


def test_a_process_that_has_grown_is_renewed(log: Path) -> None:
    assert len(set(pids_of(waters(2), log, LabelingResources(growth_mib=1)))) == 2


def test_threads_and_memory_follow_the_size(log: Path) -> None:
    rules = (SizeRule(atoms_from=3, threads=2, memory_mib=700), SizeRule(atoms_from=2, threads=1, memory_mib=300))
    labeler = Psi4Labeler(QUICK, LabelingResources(by_size=rules))
    given = []
    for structure in [*hydrogens(2), water(0.1)]:
        labeler.compute(structure)
        command = Path(f"/proc/{latest_pid(log)}/cmdline").read_text().split("\0")
        given.append([command[command.index(name) + 1] for name in ("--threads", "--memory-mib")])
    labeler.close()
    assert given == [["1", "300"], ["1", "300"], ["2", "700"]]
    assert len({line["pid"] for line in executions(log)}) == 2
    assert LabelingResources(by_size=rules).for_atoms(1) == LabelingResources(by_size=rules)


@pytest.mark.slow
def test_many_labels_leave_no_scratch_and_a_bounded_memory(log: Path, scratch: Path) -> None:
    labeler = Psi4Labeler(QUICK, LabelingResources(scratch=str(scratch), growth_mib=GROWTH_MIB))
    grown = []
    for structure in hydrogens(60):
        assert isinstance(labeler.compute(structure), Label)
        (folder,) = scratch.iterdir()
        assert {file.name for file in folder.iterdir()} <= LEFT
        assert labeler._process is not None
        grown.append(labeler._process.grown_mib)
    labeler.close()
    assert max(grown) < GROWTH_MIB + LABEL_MIB
    assert 1 < len({line["pid"] for line in executions(log)}) < 10, "about one process for twenty labels"
    assert list(scratch.iterdir()) == []


def test_a_process_that_died_between_labels_costs_no_attempt(quick: Psi4Labeler, log: Path) -> None:
    quick.compute(water(0.1))
    os.kill(latest_pid(log), signal.SIGKILL)
    until(lambda: not is_alive(latest_pid(log)), "its end")
    label = quick.compute(water(0.2))
    assert isinstance(label, Label)
    assert [attempt.outcome for attempt in label.attempts] == ["ok"]


def test_a_process_killed_at_work_is_replaced_and_the_attempt_recorded(log: Path) -> None:
    labeler = Psi4Labeler(Theory.parse("mp2/cc-pvtz"))
    killer = threading.Thread(target=lambda: (until(lambda: bool(executions(log)), "its work"), kill_latest(log)))
    killer.start()
    label = labeler.compute(water(0.1))
    killer.join()
    labeler.close()
    assert isinstance(label, Label)
    assert [attempt.outcome for attempt in label.attempts] == ["crashed", "ok"]  # a SIGKILL is no proof of hunger


def kill_latest(log: Path) -> None:
    os.kill(latest_pid(log), signal.SIGKILL)


def test_no_answer_in_time(log: Path) -> None:
    failure = failure_of(LabelingResources(timeout_seconds=0.6, attempts=2))
    assert failure.kind == FailureKind.TIMEOUT
    assert [attempt.outcome for attempt in failure.attempts] == ["timeout", "timeout"]
    assert failure.attempts[-1].log_tail
    assert not any(is_alive(int(str(line["pid"]))) for line in executions(log))


def test_too_much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psi4_process, "MEMORY_SLACK_MIB", -150)
    monkeypatch.setattr(psi4_process, "LOOK_SECONDS", 0.05)
    failure = failure_of(LabelingResources(memory_mib=250, attempts=3))
    assert failure.kind == FailureKind.OUT_OF_MEMORY
    assert "raise memory_mib" in failure.message
    assert len(failure.attempts) == 1, "the same again would need as much"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("not json", FailureKind.UNREADABLE_OUTPUT),
        ("[1, 2]", FailureKind.UNREADABLE_OUTPUT),
        ('{"id": 7}', FailureKind.UNREADABLE_OUTPUT),
    ],
)
def test_an_answer_that_is_none(answer: str, kind: FailureKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "garbled.py"
    program.write_text(
        f'import sys\nprint(\'{{"version": "0"}}\', flush=True)\nfor line in sys.stdin:\n    print({answer!r}, flush=True)\n'
    )
    monkeypatch.setattr(psi4_process, "PROGRAM", program)
    assert failure_of(LabelingResources(attempts=1)).kind == kind


def test_almost_symmetric_molecules_get_past_psi4_s_symmetry_search() -> None:
    """Some of these make Psi4 1.3 die with "Unrecognized point group bits", though it is told to use no symmetry."""
    ethylene = np.array(
        [[0, 0, -0.66], [0, 0, 0.66], [0, 0.92, 1.23], [0, -0.92, 1.23], [0, 0.92, -1.23], [0, -0.92, -1.23]], dtype=float
    )
    process = Psi4Process(LabelingResources())
    energies, tries = [], []
    for seed in range(170, 180):
        noise = np.random.default_rng(seed).normal(0, 2e-9, ethylene.shape)
        structure = Structure.from_symbols("CCHHHH", ethylene)
        request = psi4._described(QUICK, structure) | {
            "positions": (ethylene + noise).tolist(),
            "task": "gradient",
            "ladder": [("default", {})],
        }
        answer = process.ask(request, timeout_s=60.0)
        assert answer["ok"], answer["message"]
        energies.append(answer["result"]["energy"])
        tries.append(len(answer["attempts"]))
    process.close()
    assert np.ptp(energies) < 1e-8  # hartree
    if process.version.startswith("1.3."):
        assert max(tries) == 2, "none of these geometries is one that Psi4 stumbles over: find others"


def test_close_from_another_thread_ends_a_label(log: Path) -> None:
    labeler = Psi4Labeler(LONG)
    closer = threading.Thread(target=lambda: (until(lambda: bool(executions(log)), "its work"), labeler.close()))
    closer.start()
    with pytest.raises(LabelerUnavailable, match="closed"):
        labeler.compute(water(0.1))
    closer.join()
    assert not is_alive(latest_pid(log))
    with pytest.raises(LabelerUnavailable, match="closed"):
        labeler.compute(water(0.1))


@pytest.mark.parametrize("at_work", [True, False])
def test_psi4_dies_with_its_owner(at_work: bool, log: Path, scratch: Path) -> None:
    script = (
        "import sys; from tests.labeling.test_psi4 import *\n"
        "labeler = Psi4Labeler(Theory.parse(sys.argv[1]), LabelingResources(scratch=sys.argv[2]))\n"
        "labeler.compute(water(0.1)); print('done', flush=True); sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, f"{LONG.name if at_work else QUICK.name}", str(scratch)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        if at_work:
            until(lambda: bool(executions(log)), "its work")
        else:
            owner.stdout.readline()
        program = latest_pid(log)
        assert is_alive(program)
        owner.kill()
        until(lambda: not is_alive(program), "the end of Psi4", deadline_s=5.0)


def test_a_psi4_that_is_none_is_unavailable() -> None:
    labeler = Psi4Labeler(QUICK, LabelingResources(psi4=sys.executable))
    with pytest.raises(LabelerUnavailable, match="cannot import psi4"):
        labeler.compute(water(0.1))


@pytest.mark.parametrize(
    ("theory", "message"),
    [
        ("hf/6-31gg*", r"knows no basis 6-31gg\*; did you mean 6-31g\*\?"),
        ("hff/6-31g*", r"knows no method hff; did you mean hf\?"),
        ("b2plyp/sto-3g", "has no analytic gradients for b2plyp"),
        ("hf/sto-3g", "the basis sto-3g has nothing for U"),
    ],
)
def test_an_unknown_theory_is_named_before_a_label_is_spent(theory: str, message: str, log: Path) -> None:
    structure = Structure.from_symbols(["U", "H"], [[0.0, 0.0, 0.0], [0.0, 0.0, 2.0]], multiplicity=2)
    if theory.endswith("6-31g*"):
        structure = water()
    with pytest.raises(UnknownTheory, match=message):
        check_theory(Theory.parse(theory), structure)
    assert executions(log) == []


@pytest.mark.parametrize("theory", ["hf/6-31g*", "wb97x-d/def2-svp", "mp2/cc-pvdz"])
def test_a_known_theory_passes(theory: str) -> None:
    check_theory(Theory.parse(theory), water())


def test_a_theory_of_another_program_is_refused() -> None:
    with pytest.raises(ConfigError, match="not of psi4"):
        Psi4Labeler(Theory.parse("emt/none", program="ase"))
