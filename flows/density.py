"""The training of a density model as a Prefect flow: what the store and the model's folder know already is not done again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff
from pydantic import BaseModel, ConfigDict, Field

from reactal.density.request import DensityRequest, fulfil
from tasks.retrying import DELAY_FACTOR, JITTER, RETRIES, worth_retrying

__all__ = ["DensityForm", "density"]

SAID_EVERY = 20  # calls


class DensityForm(BaseModel):
    """What is to be learned, on Prefect's pages."""

    model_config = ConfigDict(title="Density", frozen=True, extra="forbid", allow_inf_nan=False)

    source: Annotated[
        str, Field(min_length=1, title="Source", description="NAME or NAME@VERSION of a data set of densities, or geometries.")
    ]
    out: Annotated[str, Field(min_length=1, title="Output", description="A folder for the model.")]
    store: Annotated[str, Field(min_length=1, title="Store")] = ".reactal/store"
    network: Annotated[Literal["atoms", "points", "unet", "combined"], Field(title="Network")] = "atoms"
    size: Annotated[Literal["tiny", "small", "medium", "large"], Field(title="Size")] = "small"
    members: Annotated[int, Field(ge=1, le=64, title="Members", description="Networks in the committee.")] = 2
    steps: Annotated[int, Field(ge=1, title="Steps", description="Of each member.")] = 20_000
    minutes: Annotated[float, Field(ge=0, title="Minutes", description="For all members, if sooner; 0: no limit.")] = 0.0
    varied: Annotated[int, Field(ge=0, title="Varied", description="More geometries made of each one of a file.")] = 0
    hold_out: Annotated[float, Field(ge=0, le=0.5, title="Held out", description="Share kept out of training.")] = 0.1
    seed: Annotated[int, Field(ge=0, title="Seed")] = 0


@flow(name="density", flow_run_name="{request.out}", persist_result=False)
def density(request: DensityForm) -> dict[str, Any]:
    """Learn residual densities from geometries, or go on with it; the errors on what was held out stand on the run's page."""
    return learn(DensityRequest(**request.model_dump()))


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
