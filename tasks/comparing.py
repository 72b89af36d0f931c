"""The steps of a comparison as tasks. What a step does is written in `reactal.comparison`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from reactal.contest import ContestDriver
from tasks.board import artifact_key, show_figure
from tasks.retrying import DELAY_FACTOR, JITTER, RETRIES, worth_retrying

__all__ = ["compete", "conclude", "prepare", "starts"]

Found = dict[tuple[str, int], Any]
_STEP: dict[str, Any] = {  # finished rounds are kept in the store, so that nothing is cached or persisted here
    "retries": RETRIES,
    "retry_delay_seconds": exponential_backoff(DELAY_FACTOR),
    "retry_jitter_factor": JITTER,
    "retry_condition_fn": worth_retrying,
    "cache_policy": NO_CACHE,
    "persist_result": False,
}


@task(name="prepare", **_STEP)
def prepare(driver: ContestDriver) -> None:
    """Put the pool and the test where chains find them."""
    driver.prepare()


@task(name="start", **_STEP)
def starts(driver: ContestDriver) -> None:
    """Train on the start set of every seed."""
    driver.starts()


@task(name="compete", **_STEP)
def compete(driver: ContestDriver) -> Found:
    """All rounds of all strategies and seeds. One task for all: Dask spreads them."""
    return driver.compete()


@task(name="conclude", **_STEP)
def conclude(driver: ContestDriver, found: Found) -> dict[str, Any]:
    """Statistics, figure and table; they are on the run's page, too."""
    result = driver.conclude(found)
    table = (driver.folder / "comparison.md").read_text(encoding="utf-8")
    create_markdown_artifact(table, key=f"{artifact_key(driver.folder.absolute().name)}-comparison", description="comparison")
    for file in map(Path, result["files"]):
        if file.suffix == ".svg":
            show_figure(file, f"{artifact_key(driver.folder.absolute().name)}-{artifact_key(file.stem)}-figure")
    return cast(dict[str, Any], result)
