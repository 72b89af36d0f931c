"""Programs in children: PySCF and QCEngine's, their names, and what becomes of a child that hangs or dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from reactal.chem import FailureKind, Label, LabelFailure, Structure, Theory
from reactal.errors import ConfigError, LabelerUnavailable, UnknownTheory
from reactal.labeling.apart import START_SECONDS
from reactal.labeling.apart_process import ApartProcess, ChildFailed
from reactal.labeling.base import Labeler, LabelingResources
from reactal.labeling.execution_log import EXECUTION_LOG
from reactal.labeling.programs import PROGRAMS, check_theory, make_labeler
from reactal.units import HARTREE
from tests.labeling.molecules import hydrogen_fluoride, hydroxyl, water
from tests.labeling.watching import is_alive, latest_pid, until

HARTREE_AGREES = 1e-6
FORCE_AGREES = 1e-4  # eV/angstrom
XTB_AGREES = 1e-5  # hartree, between two programs of one method
HF = Theory.parse("hf/sto-3g", program="pyscf")
NEEDS_XTB = pytest.mark.skipif(find_spec("xtb") is None, reason="xtb has no wheel for this Python")
HARNESS = {"harness": "xtb", "accuracy": 0.01}


def labelled(labeler: Labeler, structure: Structure) -> Label:
    answer = labeler.compute(structure)
    assert isinstance(answer, Label), answer
    return answer


@pytest.fixture
def pyscf() -> Iterator[Labeler]:
    labeler = make_labeler(HF, LabelingResources())
    yield labeler
    labeler.close()


@pytest.mark.psi4
def test_pyscf_agrees_with_psi4(pyscf: Labeler) -> None:
    """Integrals without density fitting, as PySCF has them by default."""
    psi4 = make_labeler(Theory.parse("hf/sto-3g", keywords={"scf_type": "pk"}))
    try:
        for structure in (water(0.1), hydroxyl(1.0)):
            one, other = labelled(pyscf, structure), labelled(psi4, structure)
            assert one.energy == pytest.approx(other.energy, abs=HARTREE_AGREES * HARTREE)
            assert one.forces == pytest.approx(other.forces, abs=FORCE_AGREES)
            assert one.dipole is not None
    finally:
        psi4.close()
    assert labelled(pyscf, hydroxyl(1.0)).s_squared == pytest.approx(0.75, abs=0.02)


@NEEDS_XTB
def test_qcengine_agrees_with_our_own_xtb() -> None:
    """The same method from two programs: xtb by QCEngine, tblite directly."""
    engine = make_labeler(Theory.parse("gfn2-xtb/none", program="qcengine", keywords=HARNESS))
    own = make_labeler(Theory.parse("gfn2/none", program="xtb"))
    try:
        one, other = labelled(engine, water(0.1)), labelled(own, water(0.1))
    finally:
        engine.close()
    assert one.energy == pytest.approx(other.energy, abs=XTB_AGREES * HARTREE)
    assert one.forces == pytest.approx(other.forces, abs=1e-3)
    assert one.dipole == pytest.approx(other.dipole, abs=1e-3)


@pytest.mark.parametrize(
    ("program", "name", "keywords", "message"),
    [
        ("pyscf", "b3lip/sto-3g", {}, "did you mean b3lyp"),
        ("pyscf", "hf/6-31gg*", {}, "did you mean 631g"),
        ("pyscf", "b97-d/sto-3g", {}, "no dispersion corrections"),
        ("pyscf", "wb97xd/sto-3g", {}, "no dispersion corrections"),
        ("pyscf", "hf/sto-3g", {"refrence": "restricted"}, "did you mean reference"),
        ("pyscf", "hf/sto-3g", {"grid_level": 12}, "must be 0 to 9"),
        ("qcengine", "gfn2-xtb/none", {}, "needs the keyword harness"),
        ("qcengine", "gfn2-xtb/none", {"harness": "mopc"}, "did you mean mopac"),
        pytest.param("qcengine", "gfn7-xtb/none", {"harness": "xtb"}, "does not work for H2O", marks=NEEDS_XTB),
    ],
)
def test_a_wrong_name_is_found_before_a_label_is_spent(program: str, name: str, keywords: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, UnknownTheory), match=message):
        check_inside(Theory.parse(name, program=program, keywords=keywords))


def check_inside(theory: Theory) -> None:
    """As the child does it, without starting one."""
    inside = PROGRAMS[theory.program]().inside
    assert inside is not None
    inside.check(theory, water(), LabelingResources())


def test_right_names_of_pyscf_pass() -> None:
    check_inside(Theory.parse("wb97m-v/def2-svp", program="pyscf"))


@NEEDS_XTB
def test_right_names_of_qcengine_pass() -> None:
    check_inside(Theory.parse("gfn1-xtb/none", program="qcengine", keywords=HARNESS))


def test_what_the_child_refuses_is_raised_here() -> None:
    with pytest.raises(UnknownTheory, match="did you mean b3lyp"):
        check_theory(Theory.parse("b3lip/sto-3g", program="pyscf"), water())
    nowhere = Theory.parse("hf/def2-svp", program="qcengine", keywords={"harness": "turbomole"})
    with pytest.raises(LabelerUnavailable, match="does not find turbomole"):
        make_labeler(nowhere).compute(water())


def test_a_cycle_that_does_not_converge_is_of_that_kind() -> None:
    labeler = make_labeler(HF.with_keywords(max_cycle=2))
    answer = labeler.compute(water(0.1))
    labeler.close()
    assert isinstance(answer, LabelFailure)
    assert answer.kind is FailureKind.SCF_NOT_CONVERGED


def test_a_child_that_dies_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, scratch = tmp_path / "executions", tmp_path / "scratch"
    monkeypatch.setenv(EXECUTION_LOG, str(log))
    labeler = make_labeler(HF, LabelingResources(scratch=str(scratch)))
    labelled(labeler, hydrogen_fluoride(1.0))
    os.kill(latest_pid(log), signal.SIGKILL)
    again = labelled(labeler, hydrogen_fluoride(1.1))
    assert [attempt.outcome for attempt in again.attempts] == ["crashed", "ok"]
    child = latest_pid(log)
    labeler.close()
    assert not is_alive(child)
    assert list(scratch.iterdir()) == []
    with pytest.raises(LabelerUnavailable, match="closed"):
        labeler.compute(hydrogen_fluoride(1.0))


def test_a_child_that_hangs_is_ended() -> None:
    process = ApartProcess(LabelingResources())
    assert process.ask({"theory": HF.as_json()}, timeout_s=START_SECONDS) == {}
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(ChildFailed, match="no answer within") as caught:
        process.ask({"structure": water().as_json()}, timeout_s=0.1)
    assert caught.value.kind is FailureKind.TIMEOUT
    process.close()
    assert not is_alive(process.pid)


def test_after_the_last_attempt_it_is_a_failure() -> None:
    labeler = make_labeler(HF, LabelingResources(timeout_seconds=1e-3, attempts=1))
    answer = labeler.compute(water(0.1))
    labeler.close()
    assert isinstance(answer, LabelFailure)
    assert (answer.kind, [attempt.outcome for attempt in answer.attempts]) == (FailureKind.TIMEOUT, ["timeout"])
    assert "1 of 1 attempts" in answer.message


def test_a_child_ends_with_its_parent(tmp_path: Path) -> None:
    """Though nobody told it: its input has closed."""
    log = tmp_path / "executions"
    script = (
        "from reactal.labeling.programs import make_labeler; from reactal.chem import Theory\n"
        "from tests.labeling.molecules import hydrogen_fluoride\n"
        "labeler = make_labeler(Theory.parse('hf/sto-3g', program='pyscf'))\n"
        "labeler.compute(hydrogen_fluoride(1.0)); print('labelled', flush=True); input()\n"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, EXECUTION_LOG: str(log), "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=root) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"labelled\n"
        child = latest_pid(log)
        assert is_alive(child)
        parent.kill()
    until(lambda: not is_alive(child), "the child is gone")
