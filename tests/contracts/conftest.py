"""Every implementation of the object store, so that each contract is tested on all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from reactal.store.objects import ObjectStore
from reactal.store.opening import open_store
from tests.store.s3_fixtures import aws_environment, moto, rclone

__all__ = ["aws_environment", "moto", "rclone"]

MANY_WRITERS = ["memory", "disk", pytest.param("s3", marks=pytest.mark.server)]
MANY_PROCESSES = MANY_WRITERS[1:]
ONE_WRITER = ["disk, single writer", pytest.param("s3, single writer", marks=pytest.mark.server)]


@pytest.fixture
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """The URL of a new, empty store of a kind."""

    def url(kind: str) -> str:
        if kind.startswith("s3"):
            server = request.getfixturevalue("rclone" if "single" in kind else "moto")
            return str(server.new_bucket())
        return f"memory://{uuid4().hex}" if kind == "memory" else str(tmp_path / uuid4().hex)

    return url


@pytest.fixture
def fresh_store(fresh_url: Callable[[str], str]) -> Callable[[str], ObjectStore]:
    return lambda kind: open_store(fresh_url(kind), single_writer="single" in kind)


@pytest.fixture(params=[*MANY_WRITERS, *ONE_WRITER])
def store(request: pytest.FixtureRequest, fresh_store: Callable[[str], ObjectStore]) -> ObjectStore:
    """An empty store, of each kind in turn."""
    return fresh_store(request.param)


@pytest.fixture(params=MANY_WRITERS)
def shared_store(request: pytest.FixtureRequest, fresh_store: Callable[[str], ObjectStore]) -> ObjectStore:
    """An empty store that several writers may use."""
    return fresh_store(request.param)


@pytest.fixture(params=MANY_PROCESSES)
def shared_url(request: pytest.FixtureRequest, fresh_url: Callable[[str], str]) -> str:
    """The URL of an empty store that several processes may use."""
    return fresh_url(request.param)
