"""What can happen to a Psi4 that runs: every label of the batch is answered, the faults are called by their names, and the
next label is a label."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from reactal.chem import FailureKind, Label, LabelFailure, Structure, Theory
from reactal.labeling import psi4_process
from reactal.labeling.base import LabelingResources
from reactal.labeling.execution_log import EXECUTION_LOG
from reactal.labeling.locate import find_psi4
from reactal.labeling.pool import LocalLabelPool
from reactal.labeling.psi4 import Psi4Labeler
from reactal.labeling.psi4_memory import resident_mib
from reactal.store.labels import LabelStore
from reactal.store.memory import MemoryStore
from tests.labeling.molecules import hydrogens, water
from tests.labeling.watching import executions, is_alive, latest_pid, until

pytestmark = pytest.mark.psi4

QUICK = Theory.parse("hf/sto-3g")
LARGE = Theory.parse("mp2/cc-pvtz")
PATIENCE_S = 3.0  # for a label that takes a tenth of that
ROOM_KIB = 40  # of one file: enough for hydrogen, not for water
DISK_MIB = 1

Answers = dict[int, Label | LabelFailure]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(EXECUTION_LOG, str(tmp_path / "executions"))
    return tmp_path / "executions"


def labelled(structures: list[Structure], resources: LabelingResources, *, theory: Theory = QUICK) -> Answers:
    """By index, each of them in the store."""
    labels = LabelStore(MemoryStore())
    pool = LocalLabelPool(labels, theory, resources)
    answers = {outcome.index: outcome.answer for outcome in pool.label(structures)}
    pool.close()
    assert sorted(answers) == list(range(len(structures)))
    assert all(labels.get(theory.fingerprint, answer.structure_key) is not None for answer in answers.values())
    return answers


def kinds(answers: Answers) -> Counter[str]:
    return Counter("label" if isinstance(answer, Label) else str(answer.kind) for answer in answers.values())


def outcomes(answer: Label | LabelFailure) -> list[str]:
    return [attempt.outcome for attempt in answer.attempts]


def interpreter(path: Path, script: str) -> str:
    """A program that stands in the place of Psi4's Python: `script`, and then the real one."""
    install = find_psi4()
    path.write_text(
        f'#!/bin/sh\nhere="{path.parent}"\nexport PYTHONPATH="{install.module_dir or ""}"\n'
        f'{script}\nexec "{install.interpreter}" "$@"\n'
    )
    path.chmod(0o755)
    return str(path)


def failing_once(path: Path, fault: str) -> str:
    """Psi4's Python, whose first start greets, takes the first request and does this; the second start is the real one."""
    greeting = """printf '{"version": "0"}\\n'; read request"""
    return interpreter(path, f'if mkdir "$here/failed" 2>/dev/null; then {greeting}; {fault}; fi')


# -- stopped and killed ---------------------------------------------------------------------------------------------------


def test_a_stopped_process_is_a_hang_and_its_label_is_done_again(log: Path) -> None:
    labeler = Psi4Labeler(QUICK, LabelingResources(timeout_seconds=PATIENCE_S))
    assert outcomes(labeler.compute(water(0.1))) == ["ok"]
    stopped = latest_pid(log)
    os.kill(stopped, signal.SIGSTOP)
    answers = [labeler.compute(structure) for structure in hydrogens(2)]
    labeler.close()
    assert [outcomes(answer) for answer in answers] == [["timeout", "ok"], ["ok"]]
    assert not is_alive(stopped)


@pytest.fixture
def memory_group(log: Path) -> Iterator[Path]:
    """A control group for one process that may not grow."""
    group = Path("/sys/fs/cgroup/memory/reactal-test") if Path("/sys/fs/cgroup/memory").is_dir() else None
    group = group or Path("/sys/fs/cgroup/reactal-test")
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here ({error})")
    yield group
    with suppress(OSError):
        group.rmdir()


def test_the_kernel_s_kill_for_memory_is_told_from_any_other(memory_group: Path, log: Path) -> None:
    labeler = Psi4Labeler(LARGE, LabelingResources())
    assert outcomes(labeler.compute(hydrogens(1)[0])) == ["ok"]
    starved = latest_pid(log)
    confine(starved, memory_group, mib=8)
    hungry = labeler.compute(water(0.1))
    labeler.close()
    assert outcomes(hungry) == ["out_of_memory", "ok"]
    until(lambda: not is_alive(starved), "its end")


def confine(pid: int, group: Path, *, mib: int) -> None:
    """Let it take so much more than it has."""
    limit = next(group / name for name in ("memory.limit_in_bytes", "memory.max") if (group / name).exists())
    limit.write_text(str(mib << 20))
    (group / "cgroup.procs").write_text(str(pid))
    assert resident_mib(pid) > 0


# -- no room on disk --------------------------------------------------------------------------------------------------------


def test_files_that_cannot_grow_fail_the_label_that_needs_them_alone(tmp_path: Path, log: Path) -> None:
    python = interpreter(tmp_path / "python-small-files", f"ulimit -f {2 * ROOM_KIB}")
    first, second = hydrogens(2)
    answers = labelled([first, water(0.1), second], LabelingResources(slots=1, psi4=python, scratch=str(tmp_path / "scratch")))
    assert kinds(answers) == {"label": 2, "scratch_full": 1}
    failure = answers[1]
    assert isinstance(failure, LabelFailure)
    assert "set `scratch` to a larger place" in failure.message
    assert outcomes(failure) == ["scratch_full"]
    assert len({line["pid"] for line in executions(log)}) == 2, "a process with half-written files is not used again"
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "small"
    place.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no small file system can be mounted here ({done.stderr.strip()})")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_scratch_file_system(small_disk: Path) -> None:
    first, second = hydrogens(2)
    answers = labelled([first, water(0.1), second], LabelingResources(slots=1, scratch=str(small_disk)), theory=LARGE)
    assert kinds(answers) == {"label": 2, "scratch_full": 1}
    assert isinstance(answers[1], LabelFailure)
    assert list(small_disk.iterdir()) == []


# -- words that are none ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("""printf 'FATAL\\000\\377 garbage\\n'; exec sleep 600""", FailureKind.UNREADABLE_OUTPUT),
        ("""exec tr '\\000' x < /dev/zero""", FailureKind.UNREADABLE_OUTPUT),
        (
            """printf '{"id": 0, "ok": true, "attempts": [], "result": {"gradient": [[1]], "energy": 1}}\\n'; exec sleep 600""",
            FailureKind.UNREADABLE_OUTPUT,
        ),
        ("""printf '{"id": 0, "ok": tr'; exit 3""", FailureKind.CRASHED),
        ("""printf '{"id": 0, "ok": tr'; exec sleep 600""", FailureKind.TIMEOUT),
    ],
    ids=["garbage", "endless garbage", "wrong shape", "half a line, exit", "half a line"],
)
def test_the_label_is_done_again(fault: str, kind: FailureKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psi4_process, "ANSWER_LIMIT", 1 << 20)
    python = failing_once(tmp_path / "python-failing-once", fault)
    scratch = tmp_path / "scratch"
    answers = labelled(hydrogens(2), LabelingResources(slots=1, psi4=python, scratch=str(scratch), timeout_seconds=PATIENCE_S))
    assert [outcomes(answers[index]) for index in range(2)] == [[str(kind), "ok"], ["ok"]]
    assert list(scratch.iterdir()) == []


def test_a_fault_that_stays_is_a_failure_of_each_label_and_of_nothing_else(tmp_path: Path) -> None:
    python = interpreter(tmp_path / "python-failing", """printf '{"version": "0"}\\n'; read request; printf '{"id"'; exit 3""")
    answers = labelled(hydrogens(3), LabelingResources(slots=1, psi4=python, attempts=2))
    assert kinds(answers) == {"crashed": 3}
    assert all(outcomes(answer) == ["crashed", "crashed"] for answer in answers.values())
    assert "with status 3" in str(next(iter(answers.values())))
