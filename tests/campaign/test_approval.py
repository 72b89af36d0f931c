"""A campaign that asks before it spends: what it would spend, and what an approval lets it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reactal.campaign.decide import LabelBatch, Seed, Wait, decide
from reactal.campaign.events import Approved, Finished, Outcome, Resumed, parse_event
from reactal.campaign.state import fold
from reactal.config import CampaignConfig, load_config, load_resolved
from reactal.errors import ConfigError
from tests.campaign.conftest import EXAMPLE
from tests.campaign.journals import beginning, chosen, seeded, started

SEEDED = (started(), seeded())  # 10 labels spent, a batch of 21 pending


def asking(**limits: float) -> CampaignConfig:
    return load_config(EXAMPLE, settings=[f"budget.approve_above.{name}={value}" for name, value in limits.items()])


def test_a_campaign_without_limits_asks_nobody_and_is_stored_as_ever(config: CampaignConfig) -> None:
    assert isinstance(decide(fold(SEEDED), config), LabelBatch)
    assert "approve_above" not in config.yaml()


def test_limits_are_stored_and_read_back() -> None:
    config = asking(labels=30, money=2.5)
    assert load_resolved(config.yaml().encode()) == config


def test_the_first_gradients_count_as_many_as_they_may_become() -> None:
    assert isinstance(decide(fold([started()]), asking(labels=32)), Seed)
    waiting = decide(fold([started()]), asking(labels=31))
    assert isinstance(waiting, Wait) and waiting.approval


@pytest.mark.parametrize(("limit", "asks"), [(31, False), (30, True)])
def test_a_batch_that_passes_the_limit_waits(limit: int, asks: bool) -> None:
    action = decide(fold(SEEDED), asking(labels=limit))
    assert isinstance(action, Wait if asks else LabelBatch)
    if isinstance(action, Wait):
        assert action.approval and "31 labels (approved: 30)" in action.reason


def test_money_is_foretold_from_the_labels_before() -> None:
    spent = 7.0 / 3600.0 * 0.05  # core-hours of ten labels, and their price
    assert isinstance(decide(fold(SEEDED), asking(money=3.2 * spent)), LabelBatch)
    waiting = decide(fold(SEEDED), asking(money=3.0 * spent))
    assert isinstance(waiting, Wait) and "money" in waiting.reason


@pytest.mark.parametrize(("labels", "asks"), [(None, False), (31, False), (30, True)])
def test_an_approval_holds_up_to_its_number(labels: int | None, asks: bool) -> None:
    state = fold([*SEEDED, Approved(up_to_labels=labels, up_to_money=None, reason="Ada")])
    assert isinstance(decide(state, asking(labels=20)), Wait if asks else LabelBatch)


def test_an_approval_of_one_number_leaves_the_other() -> None:
    state = fold([*SEEDED, Approved(up_to_labels=100, up_to_money=None, reason="Ada")])
    action = decide(state, asking(labels=20, money=1e-9))
    assert isinstance(action, Wait) and "money" in action.reason and "labels (" not in action.reason


def test_a_fresh_budget_is_asked_for_anew(config: CampaignConfig) -> None:
    end = (Finished(outcome=Outcome.BUDGET_SPENT, evidence=()), Resumed(reason="more"))
    state = fold([*beginning(), Approved(up_to_labels=None, up_to_money=None, reason="Ada"), *end, chosen(1)])
    assert state.approved is None
    assert isinstance(decide(state, asking(labels=5)), Wait)


def test_an_approval_is_an_event_like_others() -> None:
    event = Approved(up_to_labels=5, up_to_money=None, reason="Ada")
    assert parse_event(event.as_json()) == event


def test_a_limit_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"budget\.approve_above\.label"):
        load_config(EXAMPLE, settings=["budget.approve_above.label=5"])
