"""A preload of Dask's nannies: a worker that is told to end takes nothing new and finishes what it computes in its notice.

    dask worker --preload-nanny reactal.labeling.leaving

From SIGTERM on Dask itself gives a running task some eight seconds. A spot node has two minutes, a drained one what its pods ask
for, and a label that is finished then is in the store: nobody computes it again. What only waited there goes to another worker.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Nanny

__all__ = ["LEAVING_SECONDS", "dask_teardown"]

LEAVING_SECONDS = "REACTAL_LEAVING_SECONDS"
"""Of the environment: how long a worker may take. Dask needs some ten seconds more before it is gone."""
DEFAULT_S = 15.0  # Kubernetes kills after 30 unless a pod says otherwise
LOOK_S = 0.2


async def dask_teardown(nanny: Nanny) -> None:
    """Dask calls it when the nanny begins to close, and closes the worker once it returns."""
    address = nanny.worker_address
    if address is None:
        return
    patience_s = float(os.environ.get(LEAVING_SECONDS, DEFAULT_S))
    with suppress(OSError, TimeoutError):  # without a scheduler or a worker there is nobody to wait for
        await asyncio.wait_for(_finished(nanny, address), patience_s)


async def _finished(nanny: Nanny, address: str) -> None:
    leaving = {"workers": [address], "close_workers": False}
    await nanny.scheduler.retire_workers(**leaving, remove=False)  # it stays known, so that what it finishes is heard
    worker = nanny.rpc(address)
    begun = set(await worker.call_stack())
    while begun & set(await worker.call_stack()):
        await asyncio.sleep(LOOK_S)
    await nanny.scheduler.retire_workers(**leaving, remove=True)
