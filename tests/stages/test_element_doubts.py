"""Doubts by element on their way from exploration to calibration; without the method nothing of them is written."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.campaign.events import ArmPoint
from reactal.campaign.state import fold
from reactal.chem import Frames, Structure
from reactal.config import CampaignConfig
from reactal.stages.calibrate import calibrate
from reactal.stages.element_doubts import pairs_of, with_element_doubts
from tests.stages.conftest import bench_of
from tests.stages.test_calibrate import ENOUGH, after, points

HYDROXYL = Structure.from_symbols("OHH", [[0.0, 0.0, 0.0], [0.0, 0.0, 0.96], [0.93, 0.0, -0.24]])


def test_the_worst_atom_of_each_element() -> None:
    frames = Frames.of([HYDROXYL, HYDROXYL.moved(HYDROXYL.positions * 1.01)])
    told = with_element_doubts(frames, np.array([0.3, 0.1, 0.2, 0.05, 0.7, 0.6]))
    assert told.extra["doubt_O"] == pytest.approx([0.3, 0.05])
    assert told.extra["doubt_H"] == pytest.approx([0.2, 0.7])
    error = np.array([[0.0, 0.0, 0.5], [0.3, 0.4, 0.0], [0.1, 0.0, 0.0]])
    assert pairs_of(told, 1, error) == {"O": (pytest.approx(0.05), 0.5), "H": (pytest.approx(0.7), 0.5)}
    assert pairs_of(frames, 1, error) is None


def test_a_journal_without_the_method_is_what_it_was() -> None:
    (plain,) = points(1, ratio=1.0)
    assert "elements" not in plain.model_dump_json()
    told = plain.model_copy(update={"elements": {"O": (0.1, 0.2)}})
    assert ArmPoint.model_validate_json(told.model_dump_json()) == told


def test_the_first_element_to_fail_ends_the_trust_region(config: CampaignConfig, request: pytest.FixtureRequest) -> None:
    section = config.calibration.model_copy(update={"method": "elements"})
    bench = bench_of(config.model_copy(update={"calibration": section}), request)
    arm = tuple(point.model_copy(update={"elements": {"H": (0.1, 0.1), "O": (0.1, 0.25)}}) for point in points(ENOUGH, ratio=1.0))
    event = calibrate(bench, fold(after(arm, arm[:3])))
    assert event.factor == pytest.approx(2.5)
    assert event.trust == pytest.approx(bench.config.exploration.trust_error / 2.5)
    assert (event.observed_points, event.observed_coverage) == (6, 1.0)
