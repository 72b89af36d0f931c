"""What a training forgets is measured on labels that no round has trained on, and shown by tracker and report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, final

import numpy as np
import pytest

from reactal.campaign.state import CampaignState
from reactal.potentials.export import load_committee
from reactal.runner import Campaign
from reactal.stages.bench import Bench
from reactal.stages.forgetting import forgetting_table, forgotten
from reactal.stages.track import track
from reactal.stages.train import training_settings
from reactal.training.fold import held_out_rows
from tests.campaigns import leps_campaign


@final
class Remembered:
    """A `Tracker` in memory."""

    def __init__(self) -> None:
        self.metrics: dict[str, dict[str, float]] = {}
        self.series: dict[str, dict[str, list[tuple[int, float]]]] = {}

    def open_run(self, path: tuple[str, ...], *, tags: Mapping[str, str], params: Mapping[str, Any]) -> str:
        return "/".join(path)

    def log(self, run: str, *, metrics: Any = None, series: Any = None, files: Any = None, tags: Any = None) -> None:
        self.metrics.setdefault(run, {}).update(metrics or {})
        self.series.setdefault(run, {}).update(series or {})

    def close_run(self, run: str, *, ok: bool) -> None: ...


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """After its second training; a large share of the labels is kept from each member."""
    folder = tmp_path_factory.mktemp("forgetting")
    file = leps_campaign(folder, training={"validation_share": 0.4}, seeding={"images": 25, "path": "geodesic"})
    with Campaign(file) as campaign:
        while len(campaign.state.trainings) < 2:
            campaign.carry_out(campaign.next_action())
        return campaign


def test_the_tests_are_rows_that_no_round_has_trained_on(campaign: Campaign) -> None:
    bench, state = campaign.bench, campaign.state
    found = forgotten(bench, state, 1)
    first, second = (load_committee(bench.models.get(training.model)) for training in state.trainings)
    settings = training_settings(bench.config, baseline="none")
    rows = bench.dataset(state.trainings[1].dataset)
    off_before, off_after, count = [], [], 0
    for place, fold in enumerate(first.folds):
        kept = [_held_out(bench, state, number, settings, fold) for number in range(2)]
        old = np.flatnonzero([key in kept[0] and key in kept[1] for key in rows.keys()])  # noqa: SIM118
        count += len(old)
        test = rows[old]
        for committee, off in ((first, off_before), (second, off_after)):
            alone = replace(committee, networks=(committee.networks[place],), folds=(fold,))
            off.append(np.abs(alone.predict(test).forces - test.forces).ravel())
    before, after = (float(np.concatenate(off).mean()) for off in (off_before, off_after))
    assert count > 4
    assert (found.before, found.old) == pytest.approx((before, after), rel=1e-9)
    assert found.ratio == pytest.approx(after / before, rel=1e-9)
    assert found.iteration == 1 and found.rows >= count


def _held_out(bench: Bench, state: CampaignState, number: int, settings: Any, fold: int) -> set[str]:
    rows = bench.dataset(state.trainings[number].dataset)
    keys = list(rows.keys())
    return {keys[row] for row in held_out_rows(rows, settings, fold=fold)}


def test_a_first_training_has_nothing_to_forget(campaign: Campaign) -> None:
    found = forgotten(campaign.bench, campaign.state, 0)
    assert found.ratio is None and found.before is None and found.old is None
    assert found.new is not None and found.hybrid == found.new


def test_tracker_and_report_show_it(campaign: Campaign) -> None:
    bench, state = campaign.bench, campaign.state
    found, tracker = forgotten(bench, state, 1), Remembered()
    track(tracker, bench, state.trainings[1], state)
    assert tracker.metrics["h3/iteration 1"]["forgetting_ratio"] == found.ratio
    assert tracker.series["h3"]["forgetting_ratio"] == [(state.labels_asked, found.ratio)]
    (table,) = forgetting_table(bench, state)
    assert [row[0] for row in table.rows] == ["0", "1"]
    assert table.rows[1][-1] == f"{found.ratio:.3f}" and table.rows[0][-1] == ""
    numbers = campaign.write_report(bitmaps=False)["report.json"].read_text()
    assert "What each training forgot" in numbers
