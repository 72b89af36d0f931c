"""Ways to choose a batch, against enumeration and against what they are defined by."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from reactal.errors import ConfigError, InputError
from reactal.selection import information
from reactal.selection.base import Candidates, Known
from reactal.selection.dpp import greedy_map, sample_k
from reactal.selection.strategy import chooser_named, strategy_named
from tests.contracts.selecting import candidates_of, known_of

DRAWS = 3000
MONTE_CARLO = 4.5  # standard errors


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def clouds(*centres: tuple[float, float], each: int = 20, width: float = 0.05) -> Candidates:
    points = np.concatenate([centre + width * rng(i).normal(size=(each, 2)) for i, centre in enumerate(centres)])
    n = len(points)
    return Candidates(disagreement=rng(9).random(n), energy=np.zeros(n), features=points.astype(np.float32))


def kernel_of(n: int) -> np.ndarray:
    points = rng(2).normal(size=(n, 2))
    quality = np.exp(rng(3).normal(size=n) * 0.5)
    return quality[:, None] * quality * np.exp(-0.5 * np.square(points[:, None] - points).sum(axis=2)) + 1e-9 * np.eye(n)


def test_a_k_dpp_draws_sets_with_the_probability_of_their_volume() -> None:
    kernel = kernel_of(6)
    volume = {some: np.linalg.det(kernel[np.ix_(some, some)]) for some in combinations(range(6), 3)}
    total = sum(volume.values())
    seen = Counter(tuple(sorted(sample_k(kernel, 3, rng=rng(seed)).tolist())) for seed in range(DRAWS))
    assert sum(seen.values()) == DRAWS
    for some, determinant in volume.items():
        p = determinant / total
        assert seen[some] / DRAWS == pytest.approx(p, abs=MONTE_CARLO * np.sqrt(p * (1 - p) / DRAWS)), some


def test_the_greedy_batch_of_a_dpp_takes_the_largest_volume_each_time() -> None:
    kernel = kernel_of(9)
    chosen: list[int] = []
    for _ in range(5):
        chosen.append(max(set(range(9)) - set(chosen), key=lambda i: np.linalg.det(kernel[np.ix_([*chosen, i], [*chosen, i])])))
    assert greedy_map(kernel, 5).tolist() == chosen


def test_a_dpp_of_low_rank_has_no_larger_batch() -> None:
    points = rng(0).normal(size=(8, 3))
    assert len(sample_k(points @ points.T, 6, rng=rng())) == 3


@pytest.mark.parametrize("name", ["farthest", "mixed", "kdpp", "lcmd", "kmeans", "cur"])
def test_one_from_each_crowd(name: str) -> None:
    candidates = clouds((0, 0), (4, 0), (0, 4), (4.5, 4.5))
    settings = {"relevance": 0.0} if name == "kdpp" else {}
    count = 2 if name == "cur" else 4  # a plane has two directions
    rows = chooser_named(name, **settings).choose(
        candidates, scores=candidates.disagreement, count=count, known=Known(), rng=rng()
    )
    assert len({int(row) // 20 for row in rows}) == count


@pytest.mark.parametrize("name", ["farthest", "mixed", "kdpp", "lcmd"])
def test_a_crowd_that_is_known_is_not_chosen_again(name: str) -> None:
    candidates = clouds((0, 0), (4, 0), (0, 4), (4.5, 4.5))
    known = Known(features=candidates.features[20:40])
    settings = {"kdpp": {"relevance": 0.0, "shortlist": 30}, "mixed": {"weight": 0.0}, "farthest": {"shortlist": 0}}.get(name, {})
    scores = np.where(np.arange(80) // 20 == 0, 1.0, candidates.disagreement)
    rows = chooser_named(name, **settings).choose(candidates, scores=scores, count=3, known=known, rng=rng())
    assert {int(row) // 20 for row in rows} == {0, 2, 3}


def test_k_means_takes_the_best_of_each_cluster() -> None:
    candidates = clouds((0, 0), (4, 0), (0, 4))
    rows = chooser_named("kmeans").choose(candidates, scores=candidates.disagreement, count=3, known=Known(), rng=rng())
    best = [20 * i + int(np.argmax(candidates.disagreement[20 * i : 20 * i + 20])) for i in range(3)]
    assert sorted(rows.tolist()) == best


def test_the_largest_cluster_is_divided_first() -> None:
    """A wide crowd of many against a far outlier: farthest point would take the outlier, the sum of squares does not."""
    crowd = np.c_[rng(0).normal(size=(200, 1)), np.zeros((200, 1))]
    points = np.concatenate([crowd, [[0.0, 50.0]], [[0.0, 50.0 + 6.0]]]).astype(np.float32)
    candidates = Candidates(disagreement=np.ones(202), energy=np.zeros(202), features=points)
    known = Known(features=np.array([[0.0, 0.0], [0.0, 50.0]], dtype=np.float32))
    rows = chooser_named("lcmd").choose(candidates, scores=np.ones(202), count=1, known=known, rng=rng())
    far = chooser_named("farthest", shortlist=0).choose(candidates, scores=np.zeros(202), count=2, known=known, rng=rng())
    assert rows[0] < 200
    assert 201 in far.tolist()


@pytest.mark.parametrize(("weight", "expected"), [(1.0, "best"), (0.0, "spread")])
def test_the_weight_of_a_mixture_reaches_both_ends(weight: float, expected: str) -> None:
    candidates = candidates_of(50)
    scores = candidates.disagreement
    rows = chooser_named("mixed", weight=weight).choose(candidates, scores=scores, count=6, known=known_of(3), rng=rng())
    best = np.argsort(-scores)[:6].tolist()
    assert (rows.tolist() == best) is (expected == "best")


def test_cur_never_takes_what_the_chosen_span() -> None:
    basis = rng(0).normal(size=(3, 8))
    points = (rng(1).normal(size=(40, 3)) @ basis).astype(np.float32)
    candidates = Candidates(disagreement=np.ones(40), energy=np.zeros(40), features=points)
    rows = chooser_named("cur").choose(candidates, scores=np.ones(40), count=3, known=Known(), rng=rng())
    assert np.linalg.matrix_rank((points - points.mean(axis=0))[rows], tol=1e-3) == 3


def log_det(points: np.ndarray, known: np.ndarray, rows: list[int], ridge: float) -> float:
    middle = points.mean(axis=0)
    scale = np.sqrt(np.square(points - middle).mean())
    both = np.concatenate([known, points[rows]]).astype(float)
    some = (both - middle) / scale
    return 0.5 * float(np.linalg.slogdet(ridge * np.eye(points.shape[1]) + some.T @ some)[1])


def test_information_is_greedy_in_the_log_determinant() -> None:
    candidates, known = candidates_of(30), known_of(4)
    chosen: list[int] = []
    for _ in range(5):
        left = [i for i in range(30) if i not in chosen]
        chosen.append(max(left, key=lambda i: log_det(candidates.last_layer, known.last_layer, [*chosen, i], 0.5)))
    rows = chooser_named("information", ridge=0.5).choose(candidates, scores=np.ones(30), count=5, known=known, rng=rng())
    assert rows.tolist() == chosen


def test_a_large_pool_loses_little_by_looking_at_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    candidates, known = candidates_of(3000, features=12), known_of(4, features=12)
    exact, partly = [], []
    for limit, into in ((10_000, exact), (100, partly)):
        monkeypatch.setattr(information, "EXACT_UP_TO", limit)
        into += chooser_named("information").choose(candidates, scores=np.ones(3000), count=40, known=known, rng=rng()).tolist()
    start = log_det(candidates.last_layer, known.last_layer, [], 1.0)
    gained = [log_det(candidates.last_layer, known.last_layer, rows, 1.0) - start for rows in (exact, partly)]
    assert len(set(partly)) == 40
    assert partly != exact
    assert gained[1] > (1.0 - information.SLACK) * gained[0]


def test_members_that_differ_alike_are_asked_once() -> None:
    """Two candidates on which the same member stands out, and a third, of less disagreement, on which another does."""
    outputs = np.zeros((3, 4, 2), dtype=np.float32)
    outputs[0, 0] = outputs[1, 0] = [1.0, 0.5]
    outputs[2, 1] = [0.7, -0.3]
    candidates = Candidates(disagreement=np.array([1.0, 1.0, 0.7]), energy=np.zeros(3), member_outputs=outputs)
    rows = chooser_named("batchbald").choose(candidates, scores=np.ones(3), count=2, known=Known(), rng=rng())
    assert rows[1] == 2


def test_information_for_the_same_money() -> None:
    candidates = candidates_of(40)
    candidates.cost[:20] *= 100.0
    plain = strategy_named("information").pick(candidates, 8, rng=rng())
    thrifty = strategy_named("random+information", per_cost=True).pick(candidates, 8, rng=rng())
    assert candidates.cost[thrifty].sum() < candidates.cost[plain].sum()
    assert (thrifty >= 20).all()


def test_a_budget_is_kept_and_cheap_ones_still_fit() -> None:
    candidates = candidates_of(4)
    candidates.disagreement[:], candidates.cost[:] = [4.0, 3.0, 2.0, 1.0], [5.0, 6.0, 4.0, 1.0]
    assert strategy_named("disagreement", budget=10.0).pick(candidates, 4, rng=rng()).tolist() == [0, 2, 3]
    assert strategy_named("disagreement", per_cost=True).pick(candidates, 2, rng=rng()).tolist() == [3, 0]
    assert strategy_named("disagreement", budget=0.5).pick(candidates, 4, rng=rng()).tolist() == []


def test_features_of_two_models_do_not_mix() -> None:
    with pytest.raises(InputError, match="the labelled have 5 features and the candidates 6"):
        strategy_named("information").pick(candidates_of(9), 2, known=known_of(3, features=5), rng=rng())


@pytest.mark.parametrize(
    ("name", "settings"),
    [("mixed", {"weight": 1.5}), ("kdpp", {"draw": "some"}), ("information", {"ridge": 0.0}), ("cur", {"shortlist": 0})],
)
def test_impossible_settings_are_refused(name: str, settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        chooser_named(name, **settings)
