"""One action in, one event out: the only bridge from what is decided to what is done."""

from __future__ import annotations

from reactal.campaign.decide import (
    Action,
    Calibrate,
    Done,
    Explore,
    Finish,
    LabelBatch,
    Seed,
    Select,
    Train,
    Verify,
    Wait,
)
from reactal.campaign.events import Event, Finished
from reactal.campaign.state import CampaignState
from reactal.stages.bench import Bench
from reactal.stages.calibrate import calibrate
from reactal.stages.explore import explore
from reactal.stages.label import label
from reactal.stages.seed import seed
from reactal.stages.select import select
from reactal.stages.train import train
from reactal.stages.verify import verify

__all__ = ["carry_out", "stage_name"]


def carry_out(action: Action, bench: Bench, state: CampaignState) -> Event:
    """Do it. Everything paid for is in the store before this returns; doing it again after a crash pays for nothing twice."""
    match action:
        case Seed():
            return seed(bench, state)
        case LabelBatch():
            return label(bench, state)
        case Calibrate():
            return calibrate(bench, state)
        case Train():
            return train(bench, state, iteration=action.iteration)
        case Explore():
            return explore(bench, state, iteration=action.iteration)
        case Select():
            return select(bench, state, action)
        case Verify():
            return verify(bench, state, iteration=action.iteration)
        case Finish():
            return Finished(outcome=action.outcome, evidence=action.evidence)
        case Wait() | Done():
            raise ValueError(f"{action} is nothing to be carried out")


def stage_name(action: Action, state: CampaignState) -> str:
    """For people: `label 3`, `train 3`."""
    match action:
        case Train() | Explore() | Select() | Verify():
            return f"{type(action).__name__.lower()} {action.iteration}"
        case LabelBatch():
            return f"label {state.pending.iteration if state.pending else 0}"
        case _:
            return type(action).__name__.lower()
