"""The training of a density model as a Prefect flow: what the store and the model's folder know already is not done again."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff
from pydantic import BaseModel, ConfigDict, Field

from reactal.density.request import fulfil
from reactal.density.settings import DensityRequest, Kind, NetworkSpec, Schooling, Size, TrainingPlan
from reactal.density.theory import DensityTheory
from reactal.tracking.densities import show_training
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
    network: Annotated[Kind, Field(title="Network")] = NetworkSpec.kind
    size: Annotated[Size, Field(title="Size")] = NetworkSpec.size
    members: Annotated[int, Field(ge=1, le=64, title="Members", description="Networks in the committee.")] = Schooling.members
    steps: Annotated[int, Field(ge=1, title="Steps", description="Of each member.")] = TrainingPlan.steps
    minutes: Annotated[float, Field(ge=0, title="Minutes", description="For all members, if sooner; 0: no limit.")] = (
        TrainingPlan.minutes
    )
    patience: Annotated[int, Field(ge=0, title="Patience", description="Validations without a better one; 0: never stops.")] = (
        TrainingPlan.patience
    )
    vary: Annotated[int, Field(ge=0, title="Vary", description="More geometries made of each one of a file.")] = (
        DensityRequest.vary
    )
    hold_out: Annotated[float, Field(ge=0, le=0.5, title="Held out", description="Share kept out of training.")] = (
        Schooling.hold_out
    )
    name: Annotated[str, Field(title="Data set", description="That a file becomes; empty: the file's name.")] = (
        DensityRequest.name
    )
    functional: Annotated[str, Field(min_length=1, title="Functional", description="An LDA or GGA.")] = DensityTheory.functional
    basis: Annotated[str, Field(min_length=1, title="Basis", description="Of PySCF's GTH basis sets.")] = DensityTheory.basis
    grid_level: Annotated[int, Field(ge=0, le=9, title="Grid level", description="Of PySCF's grids.")] = DensityTheory.grid_level
    seed: Annotated[int, Field(ge=0, title="Seed")] = TrainingPlan.seed
    mlflow: Annotated[str, Field(title="MLflow", description="Address of a server or database for curves; empty: none.")] = ""


@flow(name="density", flow_run_name="{request.out}", persist_result=False)
def density(request: DensityForm) -> dict[str, Any]:
    """Learn residual densities from geometries, or go on with it; the errors on what was held out stand on the run's page."""
    asked = DensityRequest.plainly(**request.model_dump(exclude={"mlflow"}))
    result = learn(asked)
    if request.mlflow:
        show_training(request.mlflow, asked, result)
    return result


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
