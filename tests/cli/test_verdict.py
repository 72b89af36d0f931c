"""The dozen lines at the end say what the summary says, and never more than Psi4 bears out."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from reactal.cli.verdict import lines, markdown, next_step, verdict

OUTCOMES = ["verified", "stepwise", "unstable_reference", "second_order", "budget_spent", "halted", "running", "paused"]


def summary(**changes: Any) -> dict[str, Any]:
    barrier = {
        "model_kcal": 13.79,
        "reference_kcal": 13.82,
        "error_kcal": -0.03,
        "reactant_error_kcal": 0.0,
        "product_error_kcal": 0.021,
        "ts_force_max_ev_per_ang": 0.041,
        "negative_modes": 1,
        "joins_ends": True,
    }
    base: dict[str, Any] = {
        "campaign": "sn2",
        "theory": {"program": "psi4"},
        "verdict": "verified",
        "evidence": ["both rounds agree"],
        "barriers": [barrier],
        "tolerance": {"barrier_kcal": 0.5, "force_ev_per_ang": 0.15},
        "labels": {"computed": 72, "reused": 8, "failed": 1, "kept_from_training": 2, "left": 20},
        "random_arm": {"n": 6, "force_mae_ev_per_ang": 0.063, "ci95": [0.048, 0.081]},
        "trust_region": {"target_coverage": 0.9, "observed_coverage": 0.92, "observed_points": 14},
        "iterations": 7,
        "seconds": {"label": 70.0, "train": 62.0, "seed": 0.1, "total": 161.0},
        "report": "/data/sn2/report.html",
        "model": None,
        "store": "/data/store",
        "mlflow": {"tracking_uri": "sqlite:////data/mlflow.db", "run_id": "abc"},
    }
    return base | changes


def test_every_figure_of_the_issue_is_there() -> None:
    said = dict(lines(summary()))
    every = [text for _, text in lines(summary())]
    assert said["barrier"] == "13.79 kcal/mol on the model, 13.82 in Psi4"
    assert said["difference"] == "−0.03 at the saddle, 0.00 reactant, +0.02 product (≤ 0.5 kcal/mol)"
    assert said["saddle"] == "largest force left in Psi4 0.041 (≤ 0.15 eV/Å)"
    assert "1 negative mode, joins both ends" in every
    assert said["labels"] == "72 computed, 8 reused, 1 failed, 2 too extreme to train on"
    assert "20 left in the budget after 7 iterations" in every
    assert said["random arm"] == "0.063 eV/Å force MAE on 6 at random, 95 %: 0.048 to 0.081"
    assert said["trust"] == "92% of 14 later force errors inside their bound (aim: 90%)"
    assert said["time"] == "2 min 41 s: label 1 min 10 s, train 1 min 02 s"
    assert said["report"] == "/data/sn2/report.html" and said["store"] == "/data/store" and "run abc" in said["MLflow"]


def test_what_misses_its_tolerance_is_said_to() -> None:
    bad = summary()["barriers"][0] | {"error_kcal": 1.2, "ts_force_max_ev_per_ang": 0.4, "negative_modes": 2, "joins_ends": False}
    said = dict(lines(summary(barriers=[bad], verdict="budget_spent")))
    assert said["difference"].endswith("(not ≤ 0.5 kcal/mol)")
    assert said["saddle"].endswith("(not ≤ 0.15 eV/Å)")
    assert "2 negative modes, does not join both ends" in [text for _, text in lines(summary(barriers=[bad]))]
    assert said["because"] == "both rounds agree"


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_each_outcome_has_its_words_and_a_next_step(outcome: str) -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(verdict(summary(verdict=outcome), file="sn2/campaign.yaml"))
    text = console.export_text()
    assert outcome.replace("_", " ") in text
    assert next_step(summary(verdict=outcome), "sn2/campaign.yaml").startswith("reactal ")
    assert outcome.replace("_", " ") in markdown(summary(verdict=outcome))


def test_nothing_known_yet_leaves_no_line() -> None:
    empty = summary(
        verdict="running",
        barriers=[],
        random_arm={"n": 0, "force_mae_ev_per_ang": None, "ci95": None},
        trust_region={"target_coverage": 0.9, "observed_coverage": None},
        mlflow={"tracking_uri": None, "run_id": None},
        report=None,
        seconds={"total": 0.0},
    )
    assert [name for name, _ in lines(empty)] == ["because", "labels", "", "time", "store"]


def test_too_few_points_have_no_interval() -> None:
    said = dict(lines(summary(random_arm={"n": 1, "force_mae_ev_per_ang": 0.2, "ci95": None})))
    assert said["random arm"] == "0.200 eV/Å force MAE on 1 at random"


OUTLOOK = {"labels_per_hour": 900.0, "seconds_per_round": 130.0, "labels_per_round": 10.0, "seconds_left_at_most": 520.0}


def test_pace_and_the_latest_end_are_said_while_it_is_under_way() -> None:
    said = dict(lines(summary(verdict="running", outlook=OUTLOOK)))
    assert said["pace"] == "2 min 10 s and 10 labels a round, 900 labels an hour while it labels"
    assert said["left"].startswith("at most 8 min 40 s at this pace")
    assert "left" not in dict(lines(summary(outlook=OUTLOOK | {"seconds_left_at_most": None})))


def test_cost_is_said_in_core_time_and_money() -> None:
    cost = {"core_hours": 0.5, "money": 0.025, "price_per_core_hour": 0.05}
    assert dict(lines(summary(cost=cost)))["cost"] == "30 min 00 s of core time for labels, 0.025 at 0.05 a core-hour"


def test_a_driver_at_work_is_named_with_its_batch() -> None:
    driver = {"host": "node7", "pid": 4711, "batch": 20, "batch_done": 12}
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(verdict(summary(verdict="running", driver=driver), file="c.yaml", following="label the batch that was chosen"))
    text = " ".join(console.export_text().split())
    assert "doing now label the batch that was chosen (12 of 20 done); process 4711 on node7" in text
