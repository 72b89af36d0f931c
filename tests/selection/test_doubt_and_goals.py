"""Acquisitions against their definitions, worked out another way."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from reactal.errors import ConfigError
from reactal.selection.base import Candidates, Known, Round
from reactal.selection.goals import log_improvement
from reactal.selection.schedule import Schedule
from reactal.selection.strategy import acquisition_named
from reactal.selection.transition import BINS
from tests.contracts.selecting import candidates_of

DRAWS = 4000
MONTE_CARLO = 4.5  # standard errors


def scores(name: str, candidates: Candidates, *, known: Known | None = None, at: Round | None = None, seed: int = 0, **settings):
    acquisition = acquisition_named(name, **settings)
    return acquisition.scores(candidates, known=known or Known(), at=at or Round(), rng=np.random.default_rng(seed))


def test_entropy_is_the_gaussian_information_of_all_outputs_together() -> None:
    candidates = candidates_of(5)
    outputs = candidates.member_outputs.astype(float)
    wanted = [0.5 * np.linalg.slogdet(np.eye(outputs.shape[2]) + np.cov(some.T, bias=True) / 0.3**2)[1] for some in outputs]
    assert scores("entropy", candidates, noise=0.3) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize(("seek", "sign"), [("low", -1.0), ("high", 1.0)])
def test_expected_improvement_is_the_integral_that_defines_it(seek: str, sign: float) -> None:
    candidates = candidates_of(6)
    candidates.energy_spread[:] += 0.3
    best = np.array([-0.2, 0.4])
    edge = (sign * best).max()
    for got, mean, spread in zip(
        scores("ei", candidates, known=Known(energy=best), seek=seek),
        sign * candidates.energy,
        candidates.energy_spread,
        strict=True,
    ):
        gain, _ = quad(lambda y, m=mean, s=spread: (y - edge) * norm.pdf(y, m, s), edge, max(edge, mean) + 12 * spread)
        assert got == pytest.approx(np.log(gain), rel=1e-5)


def test_improvement_far_out_of_reach_still_has_an_order() -> None:
    """The plain formula is zero, or negative, from some nine standard deviations on."""
    z = np.array([-1e7, -1e5, -1.0001e4, -0.9999e4, -50.0, -10.0, -1.0001, -0.9999, 0.0, 8.0])
    values = log_improvement(z)
    assert np.isfinite(values).all()
    assert (np.diff(values) > 0).all()
    assert values[-4:] == pytest.approx(np.log(norm.pdf(z[-4:]) + z[-4:] * norm.cdf(z[-4:])), rel=1e-9)
    assert values[4] == pytest.approx(-0.5 * 50**2 - 0.5 * np.log(2 * np.pi) - 2 * np.log(50) + np.log1p(-3 / 50**2), abs=1e-5)


def test_the_confidence_bound_follows_its_schedule() -> None:
    candidates = candidates_of(8)
    for spent, kappa in ((0.0, 4.0), (0.25, 3.0), (1.0, 0.0)):
        found = scores("ucb", candidates, at=Round(spent=spent), kappa=4.0, kappa_end=0.0, schedule="linear", seek="high")
        assert found == pytest.approx(candidates.energy + kappa * candidates.energy_spread)


@pytest.mark.parametrize(
    ("yields", "value"),
    [((), 1.0), ((0.5, 0.4), 1.0), ((0.5, 0.01), 1.5), ((0.0, -0.2, 0.01, 0.0, 0.0), 3.0), ((0.0, 0.0, 0.3), 1.5)],
)
def test_an_adaptive_weight_moves_while_rounds_do_not_pay(yields: tuple[float, ...], value: float) -> None:
    assert Schedule(1.0, 3.0, "adaptive").at(Round(yields=yields)) == pytest.approx(value)


def thompson_orders(energies: np.ndarray, places: int) -> Counter[tuple[int, ...]]:
    """Exact probabilities (times members^places) of the first places, by drawing every sequence of members."""
    worth = np.abs(energies - energies.mean(axis=0))
    found: Counter[tuple[int, ...]] = Counter()
    for members in np.ndindex(*(len(energies),) * places):
        taken: list[int] = []
        for member in members:
            taken.append(next(int(row) for row in np.argsort(-worth[member]) if int(row) not in taken))
        found[tuple(taken)] += 1
    return found


def test_thompson_sampling_has_the_distribution_of_its_enumeration() -> None:
    candidates = candidates_of(6, seed=4)
    exact = thompson_orders(candidates.member_energies, 2)
    assert len(exact) > 4
    seen = Counter(tuple(np.argsort(-scores("thompson", candidates, seed=seed))[:2].tolist()) for seed in range(DRAWS))
    assert set(seen) <= set(exact)
    for order, times in exact.items():
        p = times / len(candidates.member_energies) ** 2
        assert seen[order] / DRAWS == pytest.approx(p, abs=MONTE_CARLO * np.sqrt(p * (1 - p) / DRAWS)), order


def test_thompson_sampling_is_blind_to_the_order_of_the_pool() -> None:
    candidates = candidates_of(6, seed=4)
    order = np.array([3, 0, 5, 1, 4, 2])
    plain = Counter(int(np.argmax(scores("thompson", candidates, seed=seed, seek="low"))) for seed in range(300))
    permuted = Counter(int(order[np.argmax(scores("thompson", candidates[order], seed=seed, seek="low"))]) for seed in range(300))
    assert plain == permuted
    assert set(plain) == set(candidates.member_energies.argmin(axis=1).tolist())


def test_near_the_top_of_the_path_doubt_counts_most() -> None:
    progress = np.linspace(0.0, 1.0, 41)
    barrier = np.exp(-(((progress - 0.6) / 0.15) ** 2))
    candidates = Candidates(
        disagreement=np.full(82, 0.2), energy=np.r_[barrier, barrier + 2.0], progress=np.r_[progress, progress]
    )
    found = scores("transition", candidates)
    assert progress[np.argmax(found[:41])] == pytest.approx(0.6, abs=0.5 / BINS + 1e-9)
    assert (found[:41] > found[41:]).all()  # far above the path is not the barrier
    assert len(np.unique(scores("transition", candidates, weight=0.0))) == 1
    end = scores("transition", candidates, at=Round(spent=1.0), weight_end=0.0, schedule="linear")
    assert len(np.unique(end)) == 1


@pytest.mark.parametrize(
    ("name", "settings"), [("ucb", {"seek": "sideways"}), ("transition", {"width": 0.0}), ("ucb", {"schedule": "weekly"})]
)
def test_impossible_settings_are_refused(name: str, settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        acquisition_named(name, **settings)


def test_all_orders_are_counted() -> None:
    """The enumeration above is itself a distribution."""
    candidates = candidates_of(4, seed=1)
    exact = thompson_orders(candidates.member_energies, 2)
    assert sum(exact.values()) == len(candidates.member_energies) ** 2
    assert set(exact) <= set(permutations(range(4), 2))
