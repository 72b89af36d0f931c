"""Single stages as flows: label, train, explore, validate. Each is one command of `reactal` in a process of its own."""

from __future__ import annotations

from typing import Any

from prefect import flow

from flows.naming import command_run_name
from flows.parameters import ExploreRequest, LabelRequest, TrainRequest, ValidateRequest
from tasks.commands import carry_out
from tasks.limits import GPUS, LABELS

__all__ = ["explore", "label", "train", "validate"]


@flow(name="label", flow_run_name=command_run_name, persist_result=False)
def label(request: LabelRequest) -> dict[str, Any]:
    """Reference energies and forces for geometries. What the store knows already is not computed again."""
    return carry_out("label", request.arguments(), minutes=request.minutes, limit=LABELS)


@flow(name="train", flow_run_name=command_run_name, persist_result=False)
def train(request: TrainRequest) -> dict[str, Any]:
    """A committee from labelled geometries, with its errors on what was held out."""
    return carry_out("train", request.arguments(), minutes=request.minutes, limit=GPUS)


@flow(name="explore", flow_run_name=command_run_name, persist_result=False)
def explore(request: ExploreRequest) -> dict[str, Any]:
    """Candidates from dynamics on a model; a run that was killed goes on."""
    return carry_out("explore", request.arguments(), minutes=request.minutes, limit=GPUS)


@flow(name="validate", flow_run_name=command_run_name, persist_result=False)
def validate(request: ValidateRequest) -> dict[str, Any]:
    """What a model can be trusted with, with a verdict for each goal."""
    return carry_out("validate", request.arguments(), minutes=request.minutes, limit=LABELS if request.label else GPUS)
