"""What a night does next: the first limit that is reached ends the labels, and what is labelled is learnt from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reactal.config import CampaignConfig, load_config
from reactal.refinement.decide import (
    Conclude,
    Gather,
    Judge,
    Keep,
    LabelPortion,
    NightState,
    Open,
    Over,
    Teach,
    decide,
    fold,
)
from reactal.refinement.events import (
    Concluded,
    Event,
    Gathered,
    Judged,
    Kept,
    Opened,
    Outcome,
    PortionLabelled,
    Taught,
    parse_event,
)
from reactal.refinement.plan import Tonight
from tests.campaigns import leps_campaign

EVENING = datetime(2026, 11, 21, 22, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> CampaignConfig:
    return load_config(leps_campaign(tmp_path, budget={"labels": 45, "price_per_core_hour": 2.0}))


def opened(**plan: Any) -> Opened:
    tonight = Tonight(portion=10, **plan)
    end = tonight.ends(EVENING)
    return Opened(
        night="n",
        began=EVENING.isoformat(),
        ends=None if end is None else end.isoformat(),
        config="c",
        plan=tonight,
        champion="old",
        champion_from="here",
        base=(3,),
        tests=(),
        labels_before=45,
    )


def gathered(size: int = 25) -> Gathered:
    return Gathered(arrivals=(), trust=1.0, weak_spots=0, left_trust=0, candidates=size, batch="b", batch_size=size, dropped={})


def portion(stop: int, *, failed: int = 0, core_seconds: float = 0.0) -> PortionLabelled:
    return PortionLabelled(
        stop=stop, asked=10, computed=10 - failed, reused=0, failed=failed, failure_text="no SCF", core_seconds=core_seconds
    )


def kept(new: int = 8) -> Kept:
    return Kept(dataset=4, rows=53, new=new, frozen=(), met=())


def after(*events: Event) -> NightState:
    return fold(events)


def test_the_steps_in_order(config: CampaignConfig) -> None:
    history: list[Event] = []
    steps = []
    taught = Taught(model="new", rows=53, guard="replay")
    judged = Judged(promote=True, why="better", groups=(), left_out=0)
    for event in (opened(), gathered(15), portion(10), portion(15), kept(), taught, judged):
        steps.append(type(decide(fold(history), config, EVENING)))
        history.append(event)
    assert steps == [Open, Gather, LabelPortion, LabelPortion, Keep, Teach, Judge]
    assert decide(fold(history), config, EVENING) == Conclude(Outcome.PROMOTED, "better")
    history.append(Concluded(outcome=Outcome.PROMOTED, why="better", champion="new"))
    assert decide(fold(history), config, EVENING) == Over(Outcome.PROMOTED)
    assert fold(parse_event(event.as_json()) for event in history) == fold(history)


def test_whichever_limit_comes_first_ends_the_labels(config: CampaignConfig) -> None:
    rest = LabelPortion(10, 20)
    assert decide(after(opened(core_hours=1.0), gathered(), portion(10, core_seconds=3599)), config, EVENING) == rest
    assert decide(after(opened(core_hours=1.0), gathered(), portion(10, core_seconds=3600)), config, EVENING) == Keep()
    assert decide(after(opened(money=2.0), gathered(), portion(10, core_seconds=3599)), config, EVENING) == rest
    assert decide(after(opened(money=2.0), gathered(), portion(10, core_seconds=3601)), config, EVENING) == Keep()
    late = EVENING + timedelta(hours=8)
    assert decide(after(opened(until="06:00"), gathered(), portion(10)), config, late - timedelta(seconds=1)) == rest
    assert decide(after(opened(until="06:00"), gathered(), portion(10)), config, late) == Keep()


def test_late_nights_learn_from_what_was_paid_for(config: CampaignConfig) -> None:
    noon = EVENING + timedelta(hours=14)
    state = after(opened(until="06:00"), gathered(), portion(10), kept())
    assert decide(state, config, noon) == Teach()
    nothing = decide(after(opened(until="06:00"), gathered()), config, noon)
    assert nothing == Conclude(Outcome.KEPT, "nothing was labelled: the end time 06:00 is past")


def test_a_night_without_candidates_or_budget_says_so(config: CampaignConfig) -> None:
    step = decide(after(opened(), gathered(0)), config, EVENING)
    assert isinstance(step, Conclude) and "no new structure is worth a label" in step.why
    step = decide(after(opened(labels=0), gathered(0)), config, EVENING)
    assert isinstance(step, Conclude) and "0 labels" in step.why


def test_failing_labels_halt_the_night(config: CampaignConfig) -> None:
    step = decide(after(opened(), gathered(), portion(10, failed=9)), config, EVENING)
    assert isinstance(step, Conclude) and step.outcome is Outcome.HALTED and "no SCF" in step.why


def test_the_end_is_the_next_such_time_of_day() -> None:
    assert Tonight(until="06:00").ends(EVENING) == EVENING + timedelta(hours=8)
    assert Tonight(until="23:30").ends(EVENING) == EVENING + timedelta(minutes=90)
    assert Tonight().ends(EVENING) is None
