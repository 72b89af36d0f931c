"""The images' files before hadolint, and their steps carried out in clean Debian roots: minutes, and some ten gigabytes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from tests.infra.programs import INFRA, found, said

DOCKER = INFRA / "docker"
HOUR_S = 3600
NAMES = ("driver", "trainer", "psi4")
UNPROVEN = 3


@pytest.mark.parametrize("name", NAMES)
def test_hadolint_has_nothing_to_say(name: str) -> None:
    assert said("hadolint", "--failure-threshold", "style", f"{name}.Dockerfile", folder=DOCKER) == ""


@pytest.fixture(scope="module")
def proof(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """What prove.py says of each file. Where wheels lie on this machine torch is among them, and its own index is not asked."""
    found("debootstrap")
    if os.geteuid() != 0:
        pytest.skip("root is needed for chroot and mount")
    folder = tmp_path_factory.mktemp("roots")
    command = [sys.executable, str(DOCKER / "prove.py"), *(f"{name}.Dockerfile" for name in NAMES), "--keep", str(folder)]
    if os.environ.get("PIP_FIND_LINKS") or os.environ.get("UV_FIND_LINKS"):
        command += ["--build-arg", "TORCH_INDEX="]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == UNPROVEN, done.stdout[-2000:] + done.stderr[-4000:]
        parts = re.split(r"^(\w+)\.Dockerfile:$", done.stdout, flags=re.MULTILINE)
        yield dict(zip(parts[1::2], parts[2::2], strict=True))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.timeout(2 * HOUR_S)
@pytest.mark.parametrize("name", ["driver", "trainer"])
def test_every_step_goes_through_in_a_clean_debian(proof: Mapping[str, str], name: str) -> None:
    for words in ("healthy: python", "entry point: tini -- reactal --help", "MiB unpacked\n"):
        assert words in proof[name]
    assert "not proven" not in proof[name]


@pytest.mark.timeout(2 * HOUR_S)
def test_what_of_psi4s_image_cannot_be_tried_is_named(proof: Mapping[str, str]) -> None:
    """conda-forge's Psi4 comes with a base that only an engine can fetch; what needs it fails, and all else goes through."""
    left = re.findall(r"^not proven: (\w+) (.*)$", proof["psi4"], flags=re.MULTILINE)
    assert [word for word, _ in left] == ["FROM", "COPY", "RUN"]
    assert "needs a container engine" in left[0][1] and "was not made" in left[1][1] and "find_psi4" in left[2][1]
    assert "healthy: python" in proof["psi4"] and "without what could not be copied" in proof["psi4"]
