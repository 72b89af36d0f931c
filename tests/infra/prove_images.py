"""The images' files before hadolint, and the driver's steps carried out in a clean Debian root: minutes, and two gigabytes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.programs import INFRA, found, said

DOCKER = INFRA / "docker"
HOUR_S = 3600


@pytest.mark.parametrize("name", ["driver", "psi4", "trainer"])
def test_hadolint_has_nothing_to_say(name: str) -> None:
    assert said("hadolint", "--failure-threshold", "style", f"{name}.Dockerfile", folder=DOCKER) == ""


def proven(file: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """prove.py on one file. Where wheels lie on this machine torch is among them, and its own index is not asked."""
    found("debootstrap")
    if os.geteuid() != 0:
        pytest.skip("root is needed for chroot and mount")
    command = [sys.executable, str(DOCKER / "prove.py"), file, "--keep", str(folder)]
    if os.environ.get("PIP_FIND_LINKS") or os.environ.get("UV_FIND_LINKS"):
        command += ["--build-arg", "TORCH_INDEX="]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.timeout(HOUR_S)
def test_every_step_of_the_driver_goes_through_in_a_clean_debian(tmp_path: Path) -> None:
    """The trainer's are the same but for the index of torch, as test_images.py holds."""
    done = proven("driver.Dockerfile", tmp_path)
    try:
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        for words in ("healthy: python", "entry point: tini -- reactal --help", "size:"):
            assert words in done.stdout
    finally:
        shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.mark.timeout(HOUR_S)
def test_what_of_psi4s_image_cannot_be_tried_is_named(tmp_path: Path) -> None:
    done = proven("psi4.Dockerfile", tmp_path)
    assert "not proven: FROM mambaorg/micromamba" in done.stdout
    assert "needs a container engine" in done.stdout
