"""Which failures are tried again."""

from __future__ import annotations

import pytest

from reactal.errors import (
    ConditionalWritesUnsupported,
    ConfigError,
    CredentialsRejected,
    DriverConflict,
    ScienceChanged,
    StoreUnavailable,
    UnknownTheory,
)
from tasks.retrying import is_transient


def dask_connection_lost() -> Exception:
    from distributed.comm import CommClosedError

    return CommClosedError("the scheduler is gone for a moment")


@pytest.mark.parametrize(
    "error",
    [StoreUnavailable("no answer"), ConnectionResetError(), TimeoutError(), dask_connection_lost()],
    ids=lambda e: type(e).__name__,
)
def test_what_the_network_does_is_tried_again(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("x"),
        UnknownTheory("x"),
        ScienceChanged("x"),
        DriverConflict("x"),
        CredentialsRejected("x"),
        ConditionalWritesUnsupported("x"),
        FileNotFoundError(),
        ValueError(),
    ],
    ids=lambda e: type(e).__name__,
)
def test_what_would_fail_again_is_not(error: Exception) -> None:
    assert not is_transient(error)
