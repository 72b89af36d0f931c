"""Programs that `reactal up` keeps: started together, asked until they answer, ended together."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from reactal.errors import ReactalError
from reactal.store.holder import is_living, this_process

__all__ = ["HOST", "Service", "ServiceFailed", "announced", "announced_by", "free_port", "services", "stop", "until_healthy"]

HOST = "127.0.0.1"
HEALTHY_SECONDS = 180.0
STOP_SECONDS = 15.0
ALL_STOP_SECONDS = 180.0  # a run that is under way is given its time
POLL_SECONDS = 0.2
FILE = "up.json"


class ServiceFailed(ReactalError):
    """A program of `reactal up` ended, or gave no answer. `port_taken`: by somebody, between our choice and its start."""

    def __init__(self, message: str, *, port_taken: bool = False) -> None:
        super().__init__(message)
        self.port_taken = port_taken


@final
@dataclass(frozen=True, eq=False)
class Service:
    """A program at work. It is healthy when its page answers, or else when the file `sign` holds the words that it should."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    page: str | None = None
    sign: str = ""

    @property
    def healthy(self) -> bool:
        return _answers(self.page) if self.page else self.sign in self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    @property
    def port_taken(self) -> bool:
        return "address already in use" in self.log.read_text(encoding="utf-8", errors="replace").lower()


@contextmanager
def services(
    wanted: Sequence[tuple[str, Sequence[str], str | None, str]], folder: Path, *, environ: Mapping[str, str] | None = None
) -> Iterator[list[Service]]:
    """Start modules of Python: name, words after `python -m`, page, sign. Each has a log in `folder`, and a session of its own:
    Ctrl-C reaches us, and we end all of their processes."""
    folder.mkdir(parents=True, exist_ok=True)
    started: list[Service] = []
    try:
        for name, words, page, sign in wanted:
            log = folder / f"{name}.log"
            with log.open("wb") as file:
                process = subprocess.Popen(
                    [sys.executable, "-m", *words],
                    stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True, env=_environment(environ or {}),
                )  # fmt: skip
            started.append(Service(name, process, log, page, sign))
        yield started
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            for service in reversed(started):
                _signal(service, number)
            for service in started:
                with suppress(subprocess.TimeoutExpired):
                    service.process.wait(STOP_SECONDS)


def until_healthy(started: Sequence[Service], *, stopped: Any, seconds: float = HEALTHY_SECONDS) -> None:
    """Until each answers, or `stopped`, an event, is set; `ServiceFailed` names the one that does not, and its log."""
    deadline = time.monotonic() + seconds
    for service in started:
        while not stopped.is_set() and not service.healthy:
            if service.ended or time.monotonic() > deadline:
                how = "has ended" if service.ended else f"gave no answer within {seconds:.0f} s"
                raise ServiceFailed(f"{service.name} {how}; see {service.log}", port_taken=service.ended and service.port_taken)
            stopped.wait(POLL_SECONDS)


@contextmanager
def announced(folder: Path, links: Mapping[str, str | None]) -> Iterator[None]:
    """Write down who keeps the pages of this folder, for those who look for them or want them stopped."""
    file = folder / FILE
    file.write_text(json.dumps({"process": this_process(), "links": dict(links)}), encoding="utf-8")
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def announced_by(folder: Path) -> dict[str, Any] | None:
    """What a `reactal up` that lives wrote down; None where there is none."""
    try:
        told: dict[str, Any] = json.loads((folder / FILE).read_text(encoding="utf-8"))
        return told if is_living(told["process"], beat=0.0) else None
    except (OSError, ValueError, KeyError):
        return None


def stop(folder: Path) -> bool:
    """End the `reactal up` of this folder and all it started; whether there was one."""
    told = announced_by(folder)
    if told is None:
        return False
    os.kill(int(told["process"]["pid"]), signal.SIGINT)
    deadline = time.monotonic() + ALL_STOP_SECONDS
    while is_living(told["process"], beat=0.0):
        if time.monotonic() > deadline:
            raise ServiceFailed(f"process {told['process']['pid']} does not end; its logs are in {folder / 'up'}")
        time.sleep(POLL_SECONDS)
    return True


def free_port(wanted: int) -> int:
    """`wanted` if nobody has it, else any."""
    for port in (wanted, 0):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((HOST, port))
            except OSError:
                continue
            return int(trial.getsockname()[1])
    raise AssertionError("port 0 is any free one")


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    # else MLflow starts six processes more, for what nobody here uses; and a sign in a log needs a log, whatever our caller wants
    mine = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "DO_NOT_TRACK": "1", "DASK_LOGGING": "{'distributed': 'info'}"}
    return {**os.environ, **mine, **more}


def _signal(service: Service, number: int) -> None:
    if not service.ended:
        with suppress(ProcessLookupError):
            os.killpg(service.process.pid, number)


def _answers(page: str) -> bool:
    try:
        with urllib.request.urlopen(page, timeout=5.0) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
