"""`reactal estimate`: ranges that hold what then happens, and prices that add up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from reactal.cli.main import invoke
from reactal.runner import Campaign
from tests.campaigns import leps_campaign

ROOT = Path(__file__).parents[2]
PRICES = ROOT / "infra" / "prices" / "aws.yaml"
SN2 = ROOT / "examples" / "sn2-chloride" / "campaign.yaml"

MEASURED = {"labels": 52, "label_seconds": 0.7, "training_core_hours": 0.022, "exploration_core_hours": 0.0083}
"""Of the example on two cores, as the README shows it: 23 s for 52 labels, 40 s of training, 15 s of exploration."""


def estimated(capsys: pytest.CaptureFixture[str], file: Path, *more: str) -> dict[str, Any]:
    capsys.readouterr()
    assert invoke(["estimate", str(file), "--prices", str(PRICES), *more, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def part(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in found["parts"] if one["part"] == name)


def test_the_example_lies_within_its_estimate(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = estimated(capsys, SN2, "--set", f"store={tmp_path}/store")
    within = {
        "labels": found["labels"],
        "label_seconds": found["label"]["range"],
        "training_core_hours": part(found, "training")["amount"],
        "exploration_core_hours": part(found, "exploration")["amount"],
    }
    assert found["label"]["from_labels"] == 0, "the example's theory has labels here, so that nothing is guessed"
    for name, (low, high) in within.items():
        assert low <= MEASURED[name] <= high, name


def test_parts_add_up_and_grow_with_what_they_count(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    store = ("--set", f"store={tmp_path}/store")
    once = estimated(capsys, SN2, *store, "--label-seconds", "10")
    twice = estimated(capsys, SN2, *store, "--label-seconds", "20")
    for way in ("on_demand", "spot"):
        ends = zip(*(one[way] for one in once["parts"]), strict=True)
        assert once["total"][way] == pytest.approx([sum(end) for end in ends])
        assert part(twice, "labels")[way] == pytest.approx([2 * end for end in part(once, "labels")[way]])
    assert part(once, "labels")["spot"][1] < part(once, "labels")["on_demand"][1]
    assert part(once, "driver")["spot"] == part(once, "driver")["on_demand"]
    more = estimated(capsys, SN2, *store, "--label-seconds", "10", "--set", "budget.labels=1000")
    assert part(more, "labels")["amount"][1] == pytest.approx(10 * part(once, "labels")["amount"][1])
    assert part(estimated(capsys, SN2, *store, "--gpu"), "training")["unit"] == "GPU-h"


def test_a_campaign_under_way_counts_what_is_left_and_knows_its_labels(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = leps_campaign(tmp_path)
    before = estimated(capsys, file)
    with Campaign(file) as campaign:
        while campaign.state.iteration < 1:
            campaign.carry_out(campaign.next_action())  # type: ignore[arg-type]
        asked = campaign.state.labels_asked
    during = estimated(capsys, file)
    assert during["labels"][1] == before["labels"][1] - asked
    assert during["label"]["from_labels"] > 0
    assert during["label"]["range"][1] / during["label"]["range"][0] < before["label"]["range"][1] / before["label"]["range"][0]
    with Campaign(file) as campaign:
        campaign.run()
        outcome = campaign.state.outcome
    assert outcome is not None
    over = estimated(capsys, file)
    assert over["labels"] == over["total"]["on_demand"] == [0.0, 0.0]
    assert over["spent"]["core_hours"] > 0


def test_what_is_shown_to_people(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    command = ["estimate", str(SN2), "--prices", str(PRICES), "--set", f"store={tmp_path}/store"]
    assert invoke(command) == 0
    said = capsys.readouterr()
    assert "prices in USD" in said.out and "all" in said.out
    assert "a guess: give --label-seconds" in said.err
    assert "price_per_core_hour: 0.0513" in said.err


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"labels": {"machine": "a", "cores": 0, "hour": 1}}, "labels.cores"),
        ({"currency": None}, "currency"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_prices_that_are_none_are_named(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    tree = {**yaml.safe_load(PRICES.read_text()), **change}
    (tmp_path / "prices.yaml").write_text(yaml.safe_dump(tree))
    assert invoke(["estimate", str(SN2), "--prices", str(tmp_path / "prices.yaml")]) == 2
    assert sentence in capsys.readouterr().err


def test_money_stops_a_campaign_and_the_outcome_says_so(tmp_path: Path) -> None:
    file = leps_campaign(tmp_path, budget={"labels": 45, "money": 1e-9, "price_per_core_hour": 10.0})
    with Campaign(file) as campaign:
        summary = campaign.run()
    assert summary["verdict"] == "budget_spent"
    assert any("in money is spent" in text for text in summary["evidence"])
    assert summary["labels"]["left"] > 0
    assert summary["cost"]["money"] > 1e-9
