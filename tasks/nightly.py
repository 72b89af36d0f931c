"""One task for each step of a night. What a step does is written in `reactal.refinement`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from reactal.night import Night
from reactal.refinement.decide import Conclude, Gather, Judge, Keep, LabelPortion, Open, Step, Teach
from tasks.retrying import DELAY_FACTOR, JITTER, RETRIES, worth_retrying

__all__ = ["STEPS"]

Outcome = dict[str, Any]


def _step(name: str) -> Task[[Night, Step], Outcome]:
    """A night never repeats a finished step: its journal is its memory."""

    @task(
        name=name,
        task_run_name=name,
        retries=RETRIES,
        retry_delay_seconds=exponential_backoff(DELAY_FACTOR),
        retry_jitter_factor=JITTER,
        retry_condition_fn=worth_retrying,
        cache_policy=NO_CACHE,
        persist_result=False,
    )
    def carried_out(night: Night, step: Step) -> Outcome:
        event = night.carry_out(step)
        return {} if event is None else event.model_dump(mode="json")

    return carried_out


STEPS: Mapping[type, Task[[Night, Step], Outcome]] = {
    Open: _step("open"),
    Gather: _step("gather"),
    LabelPortion: _step("label"),
    Keep: _step("keep"),
    Teach: _step("teach"),
    Judge: _step("judge"),
    Conclude: _step("conclude"),
}
