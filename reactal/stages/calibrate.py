"""Disagreement turned into a bound on the force error, with the random arm's labels alone."""

from __future__ import annotations

import numpy as np

from reactal.campaign.events import Calibrated
from reactal.campaign.state import CampaignState
from reactal.stages.bench import Bench
from reactal.uncertainty.bounds import METHODS, ErrorBound, bound_by
from reactal.uncertainty.by_element import ElementBound, ElementPairs
from reactal.uncertainty.calibration import observed_coverage

__all__ = ["LEAST_TRUST", "MOST_TRUST", "calibrate"]

ELEMENTS = "elements"
LEAST_TRUST, MOST_TRUST = 0.2, 1.5  # eV/angstrom; a few points must not close or open the whole region


def calibrate(bench: Bench, state: CampaignState) -> Calibrated:
    """All random-arm points so far: each was predicted before it was labelled."""
    exploration = bench.config.exploration
    coverage, method = bench.config.calibration.coverage, bench.config.calibration.method
    rounds = [
        ([point.disagreement for point in labelled.arm], [point.force_error_max for point in labelled.arm])
        for labelled in state.labelled
        if labelled.arm
    ]
    points = [point.elements for point in state.arm if point.elements is not None]
    disagreement = np.concatenate([disagreement for disagreement, _ in rounds])
    now: ErrorBound
    if method == ELEMENTS:
        now = ElementBound.fit(points, coverage=coverage)
        observed = ElementBound.observed(_by_element(state), coverage=coverage)
    else:
        now = bound_by(method, disagreement, np.concatenate([error for _, error in rounds]), coverage=coverage)
        observed = observed_coverage(rounds, coverage=coverage, fit=METHODS[method])
    trust, known = exploration.trust, bool(np.isfinite(now.bound(0.0)))
    if known:
        trust = float(np.clip(now.trust_radius(exploration.trust_error), LEAST_TRUST, MOST_TRUST))
    bench.progress.begin("calibrate")
    bench.progress.end(f"{_words(now, known=known)}; trust up to {trust:.2f} eV/A")
    return Calibrated(
        points=len(disagreement),
        factor=now.factor,
        trust=trust,
        target_coverage=coverage,
        observed_coverage=observed.share,
        observed_points=observed.points,
    )


def _by_element(state: CampaignState) -> list[list[ElementPairs]]:
    """Round for round; those labelled while another method was asked for have none."""
    return [
        [point.elements for point in labelled.arm if point.elements is not None] for labelled in state.labelled if labelled.arm
    ]


def _words(now: ErrorBound, *, known: bool) -> str:
    if not known:
        return "too few points for a bound"
    return (
        f"error <= {now.factor:.2f} x disagreement"
        if now.factor is not None
        else f"error <= {float(now.bound(1.0)):.2f} eV/A at 1"
    )
