"""Disagreement turned into a bound on the force error, with the random arm's labels alone."""

from __future__ import annotations

import numpy as np

from reactal.campaign.events import Calibrated
from reactal.campaign.state import CampaignState
from reactal.stages.bench import Bench
from reactal.uncertainty.calibration import Calibration, observed_coverage

__all__ = ["LEAST_TRUST", "MOST_TRUST", "calibrate"]

LEAST_TRUST, MOST_TRUST = 0.2, 1.5  # eV/angstrom; a few points must not close or open the whole region


def calibrate(bench: Bench, state: CampaignState) -> Calibrated:
    """All random-arm points so far: each was predicted before it was labelled."""
    coverage, exploration = bench.config.calibration.coverage, bench.config.exploration
    rounds = [
        ([point.disagreement for point in labelled.arm], [point.force_error_max for point in labelled.arm])
        for labelled in state.labelled
        if labelled.arm
    ]
    now = Calibration.fit(
        np.concatenate([disagreement for disagreement, _ in rounds]),
        np.concatenate([error for _, error in rounds]),
        coverage=coverage,
    )
    trust = exploration.trust
    if now.factor is not None:
        trust = float(np.clip(now.trust_radius(exploration.trust_error), LEAST_TRUST, MOST_TRUST))
    observed = observed_coverage(rounds, coverage=coverage)
    bench.progress.begin("calibrate")
    factor = "too few points for a bound" if now.factor is None else f"error <= {now.factor:.2f} x disagreement"
    bench.progress.end(f"{factor}; trust up to {trust:.2f} eV/A")
    return Calibrated(
        points=now.points,
        factor=now.factor,
        trust=trust,
        target_coverage=coverage,
        observed_coverage=observed.share,
        observed_points=observed.points,
    )
