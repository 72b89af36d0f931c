"""Scratch folders go with their owner, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reactal.errors import LabelerUnavailable
from reactal.labeling.scratch import YOUNG_S, ScratchFolder, sweep_scratch

MAKES_ONE = "import sys, time; from reactal.labeling.scratch import ScratchFolder; s = ScratchFolder(sys.argv[1]); {then}"


def owner(root: Path, then: str) -> subprocess.Popen[bytes]:
    """Another process with a scratch folder in `root`."""
    command = [sys.executable, "-c", MAKES_ONE.format(then=then), str(root)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE)


def grown_old(root: Path) -> None:
    for folder in root.iterdir():
        old = folder.stat().st_mtime - 2 * YOUNG_S
        os.utime(folder, (old, old))


def test_removed_with_everything_in_it(tmp_path: Path) -> None:
    scratch = ScratchFolder(str(tmp_path))
    (scratch.path / "integrals").write_bytes(b"0" * 1000)
    scratch.remove()
    scratch.remove()
    assert list(tmp_path.iterdir()) == []


def test_removed_when_its_process_ends(tmp_path: Path) -> None:
    with owner(tmp_path, "pass") as process:
        assert process.wait() == 0
    assert list(tmp_path.iterdir()) == []


def test_a_killed_owner_s_folder_is_swept_and_a_living_one_s_is_not(tmp_path: Path) -> None:
    dead = owner(tmp_path, "print('made', flush=True); time.sleep(600)")
    assert dead.stdout is not None
    assert dead.stdout.readline() == b"made\n"
    mine = ScratchFolder(str(tmp_path))
    grown_old(tmp_path)
    assert sweep_scratch(tmp_path) == 0
    dead.send_signal(signal.SIGKILL)
    dead.communicate()
    assert sweep_scratch(tmp_path) == 1
    assert list(tmp_path.iterdir()) == [mine.path]
    mine.remove()


def test_a_new_folder_without_its_lock_yet_is_let_be(tmp_path: Path) -> None:
    (tmp_path / "reactal-psi4-new").mkdir()
    assert sweep_scratch(tmp_path) == 0


def test_a_place_where_none_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LabelerUnavailable, match="set `scratch` to another"):
        ScratchFolder(str(tmp_path / "file"))
