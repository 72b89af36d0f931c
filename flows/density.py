"""The training of a density model as a Prefect flow: what the store and the model's folder know already is not done again."""

from __future__ import annotations

from typing import Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from reactal.density.request import DensityRequest, fulfil
from tasks.retrying import DELAY_FACTOR, JITTER, RETRIES, worth_retrying

__all__ = ["density"]

SAID_EVERY = 20  # calls


@flow(name="density", flow_run_name="{request.out}", persist_result=False)
def density(request: DensityRequest) -> dict[str, Any]:
    """Learn residual densities from geometries, or go on with it; the errors on what was held out stand on the run's page."""
    return learn(request)


@task(
    name="learn densities",
    retries=RETRIES,
    retry_delay_seconds=exponential_backoff(DELAY_FACTOR),
    retry_jitter_factor=JITTER,
    retry_condition_fn=worth_retrying,
    cache_policy=NO_CACHE,  # densities and states of networks are kept by the work itself
    persist_result=False,
)
def learn(request: DensityRequest) -> dict[str, Any]:
    """References, committee, guard."""
    logger = get_run_logger()

    def tell(what: str, done: int, of: int) -> None:
        if done % SAID_EVERY == 0 or done == of:
            logger.info("%s: %d of %d", what, done, of)

    result = fulfil(request, tell=tell)
    shown = {key: value for key, value in result.items() if key not in ("curves", "held_out", "failed")}
    rows = [{"what": key, "value": str(value)} for key, value in shown.items()]
    create_table_artifact(rows, key="density-result", description="What the training of densities came to")
    return result
