"""Pace and the latest end, from events with known times."""

from __future__ import annotations

from pathlib import Path

import pytest

from reactal.campaign.events import Event, Finished, Outcome
from reactal.campaign.state import fold
from reactal.config import CampaignConfig, load_config
from reactal.stages.outlook import cost, outlook
from tests.campaign.journals import labelled, seeded, started, trained
from tests.campaigns import leps_campaign


@pytest.fixture
def config(tmp_path: Path) -> CampaignConfig:
    return load_config(leps_campaign(tmp_path, budget={"labels": 100}))


def journal(*rounds: tuple[float, int, float]) -> list[Event]:
    """Of each round the seconds of training, the labels asked for and the seconds they took."""
    events: list[Event] = [started(), seeded(), labelled(0, asked=20).model_copy(update={"seconds": 50.0})]
    for number, (training, asked, labelling) in enumerate(rounds):
        events.append(trained(number).model_copy(update={"seconds": training}))
        events.append(labelled(number + 1, asked=asked).model_copy(update={"seconds": labelling}))
    return events


def test_nothing_is_said_before_a_round_is_over(config: CampaignConfig) -> None:
    events = journal()[:2]
    assert set(outlook(events, fold(events), config).values()) == {None}


def test_pace_is_that_of_the_last_rounds(config: CampaignConfig) -> None:
    events = journal((900.0, 1, 900.0), (20.0, 10, 40.0), (20.0, 10, 40.0), (20.0, 10, 40.0))
    said = outlook(events, fold(events), config)
    assert said["seconds_per_round"] == 60.0 and said["labels_per_round"] == 10.0
    assert said["labels_per_hour"] == pytest.approx(900.0)
    left = 100 - (10 + 20 + 31)
    assert said["seconds_left_at_most"] == pytest.approx(left * 6.0)


def test_a_second_batch_after_one_training_belongs_to_its_round(config: CampaignConfig) -> None:
    events = [*journal((20.0, 10, 40.0)), labelled(2, asked=5).model_copy(update={"seconds": 10.0})]
    said = outlook(events, fold(events), config)
    assert (said["seconds_per_round"], said["labels_per_round"]) == (70.0, 15.0)


@pytest.mark.parametrize(("limit", "value", "left"), [("minutes", 3.0, 180.0 - 110.0), ("core_hours", 14.0 / 3600, 110.0)])
def test_the_first_limit_that_is_met_counts(tmp_path: Path, limit: str, value: float, left: float) -> None:
    """`seeded` has taken 7 core seconds; the wall 110 s."""
    config = load_config(leps_campaign(tmp_path, budget={"labels": 10_000, limit: value}))
    events = [
        event.model_copy(update={"core_seconds": 0.0}) if event.kind == "labelled" else event
        for event in journal((20.0, 10, 40.0))
    ]
    assert outlook(events, fold(events), config)["seconds_left_at_most"] == pytest.approx(left)


def test_what_is_over_has_no_time_left(config: CampaignConfig) -> None:
    events = [*journal((20.0, 10, 40.0)), Finished(outcome=Outcome.VERIFIED, evidence=())]
    assert outlook(events, fold(events), config)["seconds_left_at_most"] is None


def test_cost_is_core_hours_by_the_price_table(config: CampaignConfig) -> None:
    events = [started(), seeded()]
    assert cost(fold(events), config) == pytest.approx(
        {"core_hours": 7.0 / 3600, "money": 7.0 / 3600 * 0.05, "price_per_core_hour": 0.05}
    )
