"""A Psi4 that was found is asked for a number, and believed only when it is right."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reactal.errors import LabelerUnavailable
from reactal.labeling.locate import Psi4Install, find_psi4
from reactal.labeling.psi4_trial import try_psi4

FAKE_PSI4 = """
__version__ = "9.9"
class core:
    def be_quiet(): pass
def set_num_threads(n): pass
def geometry(text): pass
def energy(method): {body}
"""


def fake_install(folder: Path, body: str) -> Psi4Install:
    """This test's own Python with a module named psi4 whose `energy` has the given body."""
    (folder / "psi4.py").write_text(FAKE_PSI4.format(body=body))
    return Psi4Install(Path(sys.executable), folder, "test")


def test_right_energy_is_believed(tmp_path: Path) -> None:
    trial = try_psi4(fake_install(tmp_path, "return -1.11670"))
    assert (trial.version, trial.energy) == ("9.9", -1.1167)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return -1.0", "-1.1167 is right"),
        ("raise ImportError('core library is broken')", "core library is broken"),
        ("raise SystemExit(0)", "gives no energy"),
    ],
    ids=["wrong number", "failure", "no answer"],
)
def test_anything_else_is_refused_in_a_sentence(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(LabelerUnavailable, match=said):
        try_psi4(fake_install(tmp_path, body))


def test_one_that_hangs_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(LabelerUnavailable, match="did not answer"):
        try_psi4(fake_install(tmp_path, "import threading; threading.Event().wait()"), timeout_s=1.0)


def test_one_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabelerUnavailable, match="cannot be started"):
        try_psi4(Psi4Install(tmp_path / "python", None, "test"))


@pytest.mark.psi4
def test_psi4_of_this_machine_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trial = try_psi4(find_psi4())
    assert tuple(int(part) for part in trial.version.split(".")[:2]) >= (1, 3)
    assert not list(tmp_path.iterdir()), "Psi4 left files in the caller's folder"
