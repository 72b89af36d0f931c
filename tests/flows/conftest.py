"""A real Prefect server on loopback for the tests of this folder, and the questions they put to it."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from flows.server import LocalServer, client_environment

PATIENCE = 180.0  # seconds; two cores may be busy with other tests


@dataclass(frozen=True)
class Api:
    """A server's REST interface."""

    url: str
    environment: dict[str, str]
    """For processes that shall work with it."""

    def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """GET, or POST where there is a body."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def flow_runs(self, tag: str) -> list[dict[str, Any]]:
        return self.ask("/flow_runs/filter", {"flow_runs": {"tags": {"all_": [tag]}}})

    def task_runs(self, flow_run: str) -> list[dict[str, Any]]:
        return self.ask("/task_runs/filter", {"flow_runs": {"id": {"any_": [flow_run]}}, "sort": "EXPECTED_START_TIME_ASC"})

    def artifacts(self, flow_run: str) -> list[dict[str, Any]]:
        return self.ask("/artifacts/filter", {"flow_runs": {"id": {"any_": [flow_run]}}})


def until(condition: Callable[[], Any], what: str, *, patience: float = PATIENCE) -> Any:
    """The first true value of a condition that is asked again and again."""
    deadline = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {patience:.0f} s in vain for {what}"
        time.sleep(0.1)
    return value


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    home = tmp_path_factory.mktemp("prefect")
    with LocalServer(home, schedules=True) as server:
        server.wait()
        variables = {**client_environment(home), "PREFECT_API_URL": server.api}
        yield Api(server.api, {**os.environ, **variables})
