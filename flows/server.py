"""A Prefect server of our own for runs that were given none, its database beside the store.

It is a process of its own on a free port of loopback: Prefect's ephemeral server takes as long to start (about 9 s on two
cores), cannot start while the campaign is being opened, gives up after 20 s on a busy machine, and forgets its address.
Runs of earlier days stay in the database; `reactal up` shows them.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import final

from reactal.errors import ReactalError
from reactal.secrecy import refuse_credentials

__all__ = ["LocalServer", "ServerFailed", "client_environment", "configured_url", "published_url", "using"]

READY_SECONDS = 120.0
STOP_SECONDS = 10.0
DRAIN_SECONDS = 10.0
HOST = "127.0.0.1"
PUBLISHED = "server.json"

_QUIET = {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "PREFECT_CLI_COLORS": "false"}
# a server that lives for one run has nothing to schedule and nobody to alert
_IDLE_SERVICES = ("SCHEDULER", "LATE_RUNS", "CANCELLATION_CLEANUP", "PAUSE_EXPIRATIONS", "FOREMAN", "REPOSSESSOR")


class ServerFailed(ReactalError):
    """Prefect's server did not come up."""


@final
class LocalServer:
    """A server process that ends with us, however we end. Starting returns at once; `wait` until it answers."""

    def __init__(self, home: Path, *, schedules: bool = False, port: int = 0) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self._ready = False
        self._log = home / "server.log"
        with socket.socket() as listening:
            # the socket is handed over open, so that nobody can take the port in between
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((HOST, port))
            listening.listen(128)
            self.port = listening.getsockname()[1]
            self._process = self._start(listening, schedules=schedules)

    @property
    def api(self) -> str:
        return f"http://{HOST}:{self.port}/api"

    @property
    def page(self) -> str:
        return f"http://{HOST}:{self.port}"

    def _start(self, listening: socket.socket, *, schedules: bool) -> subprocess.Popen[bytes]:
        environment = {**os.environ, **client_environment(self.home), **_server_settings(self.port, schedules=schedules)}
        environment.pop("PREFECT_API_URL", None)  # else the server would take itself for another's client
        descriptor = listening.fileno()
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "flows.server_process", str(descriptor)],
                stdin=subprocess.PIPE,  # it ends when this pipe does
                stdout=log,
                stderr=log,
                env=environment,
                pass_fds=[descriptor],
                start_new_session=True,  # Ctrl-C is for us; the server is needed until the run is marked as stopped
            )

    def wait(self, seconds: float = READY_SECONDS) -> None:
        """Until it answers; `ServerFailed` names the log."""
        deadline = time.monotonic() + seconds
        while not _answers(self.api, timeout=max(0.1, min(5.0, deadline - time.monotonic()))):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ServerFailed(f"Prefect's server did not start; see {self._log}, or run with `--engine inprocess`")
        self._ready = True

    def publish(self) -> None:
        """Let runs that start later use this server."""
        (self.home / PUBLISHED).write_text(json.dumps({"api": self.api, "page": self.page, "pid": self._process.pid}))

    def stop(self) -> None:
        """End it; may be called twice."""
        published = self.home / PUBLISHED
        if published.is_file() and json.loads(published.read_text()).get("pid") == self._process.pid:
            published.unlink()
        if self._ready:  # before that it has nothing to lose, and does not listen
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def __enter__(self) -> LocalServer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def client_environment(home: Path) -> dict[str, str]:
    """Variables for every process that works with a server of ours: its files in `home`, and nobody is told about us."""
    return {**_QUIET, "PREFECT_HOME": str(home.absolute())}


def _server_settings(port: int, *, schedules: bool) -> dict[str, str]:
    settings = {"PREFECT_SERVER_API_HOST": HOST, "PREFECT_SERVER_API_PORT": str(port), "PREFECT_SERVER_LOGGING_LEVEL": "WARNING"}
    if not schedules:
        settings |= {f"PREFECT_SERVER_SERVICES_{service}_ENABLED": "false" for service in _IDLE_SERVICES}
    return settings


def configured_url() -> str | None:
    """The API that the user's environment or Prefect profile names."""
    os.environ.update(_QUIET)
    from prefect.settings import get_current_settings

    url = get_current_settings().api.url
    return None if url is None else refuse_credentials(url, of="PREFECT_API_URL")


def published_url(home: Path) -> str | None:
    """The API of a server that `reactal up` keeps for this folder, if it answers."""
    with suppress(OSError, ValueError, KeyError):
        api = str(json.loads((home / PUBLISHED).read_text())["api"])
        return api if _answers(api, timeout=5.0) else None
    return None


@contextmanager
def using(api: str, variables: Mapping[str, str]) -> Iterator[None]:
    """Prefect's client in this process talks to `api` meanwhile, and so do processes that it starts."""
    from prefect.context import refresh_global_settings_context

    changed = {**variables, "PREFECT_API_URL": api}
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    refresh_global_settings_context()
    try:
        yield
    finally:
        _send_everything()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        refresh_global_settings_context()


def _send_everything() -> None:
    """Logs and the events that task states are made of go out in the background; the server may end right after this."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    APILogWorker.drain_all(timeout=DRAIN_SECONDS)
    EventsWorker.drain_all(timeout=DRAIN_SECONDS)


def _answers(api: str, *, timeout: float) -> bool:
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=timeout) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
