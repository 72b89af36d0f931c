"""Which failures are worth another try: those that come from the network, never those that come from the input."""

from __future__ import annotations

from typing import Any

from reactal.errors import ConditionalWritesUnsupported, CredentialsRejected, SchedulerLost, StoreUnavailable

__all__ = ["DELAY_FACTOR", "JITTER", "RETRIES", "is_transient", "worth_retrying"]

RETRIES = 3
DELAY_FACTOR = 2.0  # seconds: waits of 2, 4, 8, each stretched by up to JITTER of itself
JITTER = 0.5

_FOR_GOOD = (CredentialsRejected, ConditionalWritesUnsupported)


def is_transient(error: BaseException) -> bool:
    """A store or a scheduler that did not answer may answer in a moment."""
    if isinstance(error, StoreUnavailable):
        return not isinstance(error, _FOR_GOOD)
    # Dask's own are told by where they come from, so that a flow without Dask does not load it
    from_dask = type(error).__module__.startswith("distributed.")
    return isinstance(error, SchedulerLost | ConnectionError | TimeoutError) or (from_dask and isinstance(error, OSError))


def worth_retrying(task: Any, run: Any, state: Any) -> bool:  # noqa: ARG001 - what Prefect calls it with
    """Prefect's `retry_condition_fn`."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and is_transient(error)
