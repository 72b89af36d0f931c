"""What runs of all machines share: so many stages at a time that label, and that train or explore on a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency

__all__ = ["GPUS", "LABELS", "one_of"]

LABELS, GPUS = "reactal-labels", "reactal-gpus"
"""Global concurrency limits at the Prefect server; `reactal deploy --labels N --gpus N` makes them."""


@contextmanager
def one_of(limit: str) -> Iterator[None]:
    """Wait for a place where the server has this limit. A process that dies gives its place back within minutes."""
    if limit not in _existing():
        yield
        return
    with concurrency(limit, occupy=1):
        yield


@cache
def _existing() -> frozenset[str]:
    """Asked once in a process: most servers have none, and each question costs a campaign time."""
    with get_client(sync_client=True) as client:
        return frozenset(str(limit.name) for limit in client.read_global_concurrency_limits(limit=200, offset=0) if limit.active)
