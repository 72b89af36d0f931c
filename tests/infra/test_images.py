"""The images' files: what a reader of Dockerfiles can see without an engine. prove_images.py carries their steps out."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.infra.programs import INFRA, ROOT

DOCKER = INFRA / "docker"
FILES = sorted(DOCKER.glob("*.Dockerfile"))
HEALTHY = DOCKER / "healthy.py"


def text(name: str) -> str:
    return (DOCKER / f"{name}.Dockerfile").read_text()


def runs(name: str) -> list[str]:
    """The RUN steps of a file, on one line each."""
    joined = re.sub(r"\\\n\s*", " ", text(name))
    return [line for line in joined.splitlines() if line.startswith("RUN ")]


def test_there_are_three() -> None:
    assert [file.name for file in FILES] == ["driver.Dockerfile", "psi4.Dockerfile", "trainer.Dockerfile"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_is_multi_stage_pinned_and_not_root(file: Path) -> None:
    lines = file.read_text()
    bases = re.findall(r"^FROM (\S+)", lines, flags=re.MULTILINE)
    assert len(bases) == 2
    assert all(":" in base or base == "${DRIVER}" for base in bases), "a base without a version"
    assert "latest" not in lines
    users = re.findall(r"^USER (\S+)", lines, flags=re.MULTILINE)
    assert users[-1] == "10001:10001"
    assert "HEALTHCHECK" in lines
    for label in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{label}=" in lines
    assert "sbom" in lines


def test_driver_and_trainer_differ_in_torch_alone() -> None:
    """So that what is proven of one is proven of the other: its packages come by the same step."""
    driver, trainer = (runs(name)[:-1] for name in ("driver", "trainer"))
    assert driver == trainer
    indexes = [re.findall(r"TORCH_INDEX=(\S+)", text(name)) for name in ("driver", "trainer")]
    assert [index[-1].rpartition("/")[2][:2] for index in indexes] == ["cp", "cu"]


def test_what_is_copied_is_let_in_and_there() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for file in FILES:
        for words in re.findall(r"^COPY (?!--from)(.+) \S+$", file.read_text(), flags=re.MULTILINE):
            for source in words.split():
                assert (ROOT / source).exists(), f"{file.name}: COPY {source}"
                assert source.rstrip("/") in allowed, f".dockerignore keeps {source} out"


class Page(BaseHTTPRequestHandler):
    """200 at /well, 503 elsewhere."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/well" else 503)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


def health(url: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "REACTAL_HEALTH_URL": url, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run([sys.executable, str(HEALTHY)], env=environ, capture_output=True, text=True)


def test_the_health_check_knows_well_from_ill() -> None:
    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"http://127.0.0.1:{server.server_port}"
    try:
        assert health(f"{place}/well").returncode == 0
        ill = health(f"{place}/ill")
        assert ill.returncode == 1 and "503" in ill.stderr
    finally:
        server.shutdown()
        server.server_close()
    assert health(place).returncode == 1, "nobody listens there"
    assert health("").returncode == 0, "reactal starts"


def test_nothing_is_built_where_the_commit_would_not_say_what(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(DOCKER / "build.py"), "drivr"], capture_output=True, text=True, env={**os.environ, "PATH": ""}
    )
    assert done.returncode == 2 and "there is no image drivr" in done.stderr
    done = subprocess.run([sys.executable, str(DOCKER / "build.py")], capture_output=True, text=True, env={"PATH": str(tmp_path)})
    assert done.returncode == 1 and "docker with buildx is needed" in done.stderr
