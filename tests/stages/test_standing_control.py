"""What a summary says of the choice against random, and of the doubt that it rests on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reactal.campaign.state import CampaignState, fold
from reactal.cli.verdict import lines
from reactal.progress import NoProgress
from reactal.stages.bench import Bench
from reactal.stages.calibrate import calibrate
from reactal.stages.reporting import _random_arm
from reactal.stages.summary import summarize
from tests.campaign.journals import labelled
from tests.cli.test_verdict import summary
from tests.stages.geometries import SADDLE, moved, pool_of
from tests.stages.test_calibrate import after, points

RANDOM, CHOSEN = 12, 20


def told(bench: Bench, state: CampaignState, tmp_path) -> dict[str, object]:
    assert isinstance(bench.progress, NoProgress)
    return summarize(bench, [], state, folder=tmp_path, tracking={})


def test_labels_saved_are_estimated_from_the_dataset(bench: Bench, tmp_path) -> None:
    rng = np.random.default_rng(0)
    places = [
        moved(SADDLE, *rng.uniform(-0.3, 0.3, 1), sideways=float(rng.uniform(0.0, 0.5))) for _ in range(4 + RANDOM + CHOSEN)
    ]
    arms = ["seed"] * 4 + ["random"] * RANDOM + ["active"] * CHOSEN
    rows = pool_of(places, ["path"] * len(arms), arm=arms, iteration=[0] * len(arms))
    version = bench.datasets.commit(bench.config.name, rows, theory=bench.theory.fingerprint)
    event = labelled(0, asked=len(arms)).model_copy(update={"dataset": version.version, "rows": len(rows)})
    found = told(bench, CampaignState(labelled=(event,)), tmp_path)
    saved = found["random_arm"]["labels_saved"]
    assert (saved["chosen"], saved["drawn"]) == (CHOSEN, RANDOM)
    low, high = saved["ci95"]
    assert -CHOSEN <= low <= saved["estimate"] <= high
    reported = _random_arm(bench, found)
    assert (reported.saved, reported.saved_low, reported.saved_high) == (saved["estimate"], low, high)


def test_nothing_is_said_before_there_is_anything(bench: Bench, tmp_path) -> None:
    found = told(bench, CampaignState(), tmp_path)
    assert found["random_arm"]["labels_saved"] == {"estimate": None, "ci95": None, "chosen": 0, "drawn": 0}
    assert found["trust_region"]["drift"] is None
    assert "too few to promise 90%" in found["trust_region"]["promise"]


def test_a_model_that_has_become_less_honest_is_told_of(bench: Bench, tmp_path) -> None:
    events = after(points(20, ratio=1.0), points(9, ratio=8.0))
    state = fold([*events, calibrate(bench, fold(events))])
    state = replace(state, labelled=tuple(one.model_copy(update={"dataset": 0}) for one in state.labelled))
    trust = told(bench, state, tmp_path)["trust_region"]
    assert trust["drift"]["alarm"]
    assert trust["drift"]["change"] == pytest.approx(8.0)
    assert trust["promise"].startswith("90% coverage is promised")


def test_the_verdict_calls_it_an_estimate() -> None:
    arm = {"n": 6, "force_mae_ev_per_ang": 0.063, "ci95": [0.048, 0.081]}
    saved = {"estimate": 12.4, "ci95": [-3.2, 40.0], "chosen": 40, "drawn": 10}
    every = [text for _, text in lines(summary(random_arm={**arm, "labels_saved": saved}))]
    assert "+12 labels saved against random (an estimate; 95 %: −3 to +40)" in every
    nothing = lines(summary(random_arm={**arm, "labels_saved": {"estimate": None, "ci95": None}}))
    assert not any("labels saved" in text for _, text in nothing)
