"""The trust region that follows from the random arm, and its bounds."""

from __future__ import annotations

import pytest

from reactal.campaign.events import ArmPoint, Event
from reactal.campaign.state import fold
from reactal.config import CampaignConfig
from reactal.stages.bench import Bench
from reactal.stages.calibrate import LEAST_TRUST, MOST_TRUST, calibrate
from tests.campaign.journals import beginning, labelled
from tests.stages.conftest import bench_of

ENOUGH = 9  # points for a bound at 90 %


def points(count: int, *, ratio: float, disagreement: float = 0.1) -> tuple[ArmPoint, ...]:
    """The error is `ratio` times the disagreement."""
    return tuple(
        ArmPoint(key=f"k{i}", disagreement=disagreement, force_error_max=ratio * disagreement, force_mae=0.1, energy_error=0.0)
        for i in range(count)
    )


def after(*rounds: tuple[ArmPoint, ...]) -> list[Event]:
    return [*beginning(), *(labelled(number, points=arm) for number, arm in enumerate(rounds, start=1))]


def test_too_few_points_promise_nothing(bench: Bench) -> None:
    event = calibrate(bench, fold(after(points(ENOUGH - 1, ratio=2.0))))
    assert (event.points, event.factor, event.trust) == (ENOUGH - 1, None, bench.config.exploration.trust)
    assert (event.observed_coverage, event.observed_points) == (None, 0)


def test_trust_ends_where_the_error_would_be_too_large(bench: Bench) -> None:
    event = calibrate(bench, fold(after(points(ENOUGH, ratio=2.0))))
    assert event.factor == pytest.approx(2.0)
    assert event.trust == pytest.approx(bench.config.exploration.trust_error / 2.0)


@pytest.mark.parametrize(("ratio", "trust"), [(0.01, MOST_TRUST), (100.0, LEAST_TRUST), (0.0, MOST_TRUST)])
def test_a_few_points_neither_open_nor_close_everything(bench: Bench, ratio: float, trust: float) -> None:
    assert calibrate(bench, fold(after(points(ENOUGH, ratio=ratio)))).trust == trust


def test_coverage_is_observed_on_later_points_only(bench: Bench) -> None:
    later = (*points(3, ratio=1.0), *points(1, ratio=5.0))
    event = calibrate(bench, fold(after(points(ENOUGH, ratio=2.0), later)))
    assert (event.observed_points, event.observed_coverage) == (4, 0.75)
    assert event.points == ENOUGH + 4
    assert event.target_coverage == bench.config.calibration.coverage


@pytest.mark.parametrize(("method", "trust"), [("plain", MOST_TRUST), ("isotonic", 0.2), ("scaled", 0.6079)])
def test_another_way_to_a_bound_by_name(
    config: CampaignConfig, request: pytest.FixtureRequest, method: str, trust: float
) -> None:
    section = config.calibration.model_copy(update={"method": method})
    bench = bench_of(config.model_copy(update={"calibration": section}), request)
    event = calibrate(bench, fold(after(points(2 * ENOUGH, ratio=1.0, disagreement=0.2), points(4, ratio=1.0, disagreement=0.2))))
    assert event.trust == pytest.approx(trust, abs=1e-4)
    assert (event.points, event.observed_points, event.observed_coverage) == (2 * ENOUGH + 4, 4, 1.0)
