"""The suite's own rules: where a program is missing a user's run skips by name, and continuous integration fails."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

PSI4_TEST = "import pytest\n@pytest.mark.psi4\ndef test_label(): pass\n"
SELF_SKIPPING_FILE = "import pytest\npytest.skip('not today', allow_module_level=True)\n"


def pytest_in(folder: Path, text: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run one test file under this suite's conftest in a process of its own."""
    shutil.copy(CONFTEST, folder)
    (folder / "test_it.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    psi4\n    gpu\n    slow\n")
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", str(folder)]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("REACTAL_")}
    return subprocess.run(command, capture_output=True, text=True, env=inherited | environ, cwd=CONFTEST.parents[1])


def test_missing_psi4_skips_by_name_for_a_user(tmp_path: Path) -> None:
    done = pytest_in(tmp_path, PSI4_TEST, REACTAL_PSI4=str(tmp_path / "nowhere"))
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout
    assert "REACTAL_PSI4 says" in done.stdout


@pytest.mark.parametrize("text", [PSI4_TEST, SELF_SKIPPING_FILE], ids=["missing program", "file that skips itself"])
def test_nothing_skips_in_ci(tmp_path: Path, text: str) -> None:
    done = pytest_in(tmp_path, text, REACTAL_CI="1", REACTAL_PSI4=str(tmp_path / "nowhere"))
    assert done.returncode != 0, done.stdout
    assert "nothing may skip" in done.stdout


def test_a_missing_gpu_may_skip_in_ci_and_nothing_else_beside_it(tmp_path: Path) -> None:
    """A GPU is no program that could have been installed."""
    text = "import pytest\n@pytest.mark.gpu\ndef test_cuda(): pass\n"
    done = pytest_in(tmp_path, text, REACTAL_CI="1", CUDA_VISIBLE_DEVICES="")
    assert done.returncode == 0, done.stdout
    assert "no NVIDIA GPU that torch can use" in done.stdout
    done = pytest_in(tmp_path, f"{text}def test_other(): pytest.skip('not today')\n", REACTAL_CI="1", CUDA_VISIBLE_DEVICES="")
    assert done.returncode != 0 and "nothing may skip" in done.stdout, done.stdout


def test_slow_tests_come_last(tmp_path: Path) -> None:
    text = "import pytest\n@pytest.mark.slow\ndef test_a(): pass\ndef test_b(): pass\n"
    done = pytest_in(tmp_path, text)
    assert done.stdout.index("test_b") < done.stdout.index("test_a"), done.stdout
