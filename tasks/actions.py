"""One task for each kind of action of a campaign. What an action does is written in `reactal.stages`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prefect import Task, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from reactal.campaign.decide import Action, Explore, Select, Train, Verify
from tasks.driver import Driver
from tasks.limits import GPUS, LABELS, one_of
from tasks.retrying import DELAY_FACTOR, JITTER, RETRIES, worth_retrying

__all__ = ["calibrate", "explore", "finish", "label", "seed", "select", "train", "validate"]

Outcome = dict[str, Any]
Stage = Task[[Driver, Action], Outcome]


def _stage(name: str) -> Callable[[Callable[[Driver, Action], Outcome]], Stage]:
    """A campaign never repeats a finished action, so nothing is cached or persisted: its journal is its memory.

    Labels, and training and exploration, wait for a place where the server limits them (`tasks.limits`). No tags: for each
    one Prefect asks its server for a concurrency slot, which at times takes seconds.
    """
    return task(
        name=name,
        task_run_name=lambda: f"{name} · iteration {_iteration(**runtime.task_run.parameters)}",
        retries=RETRIES,
        retry_delay_seconds=exponential_backoff(DELAY_FACTOR),
        retry_jitter_factor=JITTER,
        retry_condition_fn=worth_retrying,
        cache_policy=NO_CACHE,
        persist_result=False,
    )


def _iteration(campaign: Driver, action: Action) -> int:
    """The one the action says, else that of the batch it is about, else the one under way."""
    if isinstance(action, Train | Explore | Select | Verify):
        return action.iteration
    return campaign.state.pending.iteration if campaign.state.pending is not None else campaign.state.iteration


@_stage("seed")
def seed(campaign: Driver, action: Action) -> Outcome:
    """Relax the ends, make a path, propose the first structures."""
    return campaign.carry_out(action).model_dump(mode="json")


@_stage("label")
def label(campaign: Driver, action: Action) -> Outcome:
    """Label the pending batch. One task for all of it: Dask spreads the labels, Prefect would add a third of a second to each."""
    with one_of(LABELS):
        return campaign.carry_out(action).model_dump(mode="json")


@_stage("calibrate")
def calibrate(campaign: Driver, action: Action) -> Outcome:
    """Bound the force error by the committee's disagreement."""
    return campaign.carry_out(action).model_dump(mode="json")


@_stage("train")
def train(campaign: Driver, action: Action) -> Outcome:
    """Train the committee on the newest version of the data set."""
    with one_of(GPUS):
        return campaign.carry_out(action).model_dump(mode="json")


@_stage("explore")
def explore(campaign: Driver, action: Action) -> Outcome:
    """Find the saddle on the model and gather candidates around it."""
    with one_of(GPUS):
        return campaign.carry_out(action).model_dump(mode="json")


@_stage("select")
def select(campaign: Driver, action: Action) -> Outcome:
    """Choose what to label next."""
    return campaign.carry_out(action).model_dump(mode="json")


@_stage("validate")
def validate(campaign: Driver, action: Action) -> Outcome:
    """Ask the reference what the labels alone cannot tell about the saddle."""
    return campaign.carry_out(action).model_dump(mode="json")


@_stage("finish")
def finish(campaign: Driver, action: Action) -> Outcome:
    """Write down the outcome with its evidence, and the report."""
    return campaign.carry_out(action).model_dump(mode="json")
