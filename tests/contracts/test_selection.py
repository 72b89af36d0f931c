"""What every acquisition and every way to choose a batch promises."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.errors import ConfigError, InputError
from reactal.selection.base import Candidates, Known, Round
from reactal.selection.strategy import ACQUISITIONS, CHOOSERS, STRATEGIES, acquisition_named, chooser_named, strategy_named
from tests.contracts.selecting import candidates_of, known_of

DRAWING_ACQUISITIONS = frozenset({"random", "thompson"})
DRAWING_CHOOSERS = frozenset({"kmeans"})
STEADY_ACQUISITIONS = sorted(set(ACQUISITIONS) - DRAWING_ACQUISITIONS)
STEADY_CHOOSERS = sorted(set(CHOOSERS) - DRAWING_CHOOSERS)
N, COUNT = 60, 7


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("known", [known_of(9), Known()], ids=["some known", "nothing known"])
@pytest.mark.parametrize("name", ACQUISITIONS)
def test_one_finite_score_each(name: str, known: Known) -> None:
    scores = acquisition_named(name).scores(candidates_of(N), known=known, at=Round(), rng=rng())
    assert scores.shape == (N,)
    assert np.isfinite(scores).all()
    assert len(np.unique(scores)) > 1


@pytest.mark.parametrize("name", STEADY_ACQUISITIONS)
def test_scores_follow_their_candidates(name: str) -> None:
    candidates, order = candidates_of(N), rng(1).permutation(N)
    scores, permuted = (
        acquisition_named(name).scores(some, known=known_of(9), at=Round(), rng=rng()) for some in (candidates, candidates[order])
    )
    np.testing.assert_allclose(permuted, scores[order], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("name", CHOOSERS)
def test_different_rows_and_no_more_than_asked(name: str) -> None:
    candidates, scores = candidates_of(N), rng(3).random(N)
    for count in (0, 1, COUNT, N):
        rows = chooser_named(name).choose(candidates, scores=scores, count=count, known=known_of(5), rng=rng())
        assert len(rows) == len(set(rows.tolist())) <= count
        assert set(rows.tolist()) <= set(range(N))
        assert len(rows) > 0 or count == 0


@pytest.mark.parametrize("known", [known_of(9), Known()], ids=["some known", "nothing known"])
@pytest.mark.parametrize("name", STEADY_CHOOSERS)
def test_the_order_of_the_pool_does_not_matter(name: str, known: Known) -> None:
    candidates, scores, order = candidates_of(N), rng(3).random(N), rng(1).permutation(N)
    chooser = chooser_named(name)
    rows = chooser.choose(candidates, scores=scores, count=COUNT, known=known, rng=rng())
    permuted = chooser.choose(candidates[order], scores=scores[order], count=COUNT, known=known, rng=rng())
    assert order[permuted].tolist() == rows.tolist()


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_same_seed_chooses_the_same(name: str) -> None:
    one, again = (strategy_named(name).pick(candidates_of(N), COUNT, known=known_of(9), rng=rng(5)) for _ in range(2))
    assert len(one) == COUNT
    assert one.tolist() == again.tolist()


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_pool_smaller_than_the_batch_gives_what_it_has(name: str) -> None:
    assert sorted(strategy_named(name).pick(candidates_of(3), COUNT, rng=rng()).tolist()) == [0, 1, 2]
    assert len(strategy_named(name).pick(candidates_of(N)[np.zeros(0, dtype=np.int64)], COUNT, rng=rng())) == 0


@pytest.mark.parametrize("name", STRATEGIES)
def test_broken_predictions_are_passed_over(name: str) -> None:
    candidates = candidates_of(12)
    for column in (candidates.disagreement, candidates.energy, candidates.features[:, 2]):
        column[rng(len(column)).integers(0, 12)] = np.nan
    candidates.disagreement[0], candidates.energy[1], candidates.features[2, 3] = np.nan, np.inf, np.nan
    rows = strategy_named(name).pick(candidates, 12, rng=rng())
    assert len(rows)
    assert set(rows.tolist()) <= set(np.flatnonzero(candidates.usable()).tolist())
    assert not candidates.usable()[:3].any()


@pytest.mark.parametrize("name", STRATEGIES)
def test_constant_features_crash_nothing(name: str) -> None:
    columns = vars(candidates_of(N))
    same = np.ones((N, 6), dtype=np.float32)
    candidates = Candidates(**{**columns, "features": same, "last_layer": same})
    rows = strategy_named(name).pick(candidates, COUNT, rng=rng(), known=known_of(3))
    assert 1 <= len(rows) == len(set(rows.tolist())) <= COUNT


@pytest.mark.parametrize("name", [name for name in STRATEGIES if strategy_named(name).needs])
def test_a_column_that_is_not_there_is_named(name: str) -> None:
    bare = Candidates(disagreement=np.ones(4), energy=np.zeros(4))
    with pytest.raises(InputError, match=rf"strategy {name} needs .* which this pool lacks"):
        strategy_named(name).pick(bare, 2, rng=rng())


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(InputError, match="4 candidates have 3 values of energy"):
        Candidates(disagreement=np.ones(4), energy=np.zeros(3))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: strategy_named("disagremeent"), "no strategy disagremeent; did you mean disagreement"),
        (lambda: strategy_named("random+nearest"), "no way to choose a batch nearest"),
        (lambda: acquisition_named("zzz"), "known are random, "),
        (lambda: strategy_named("farthest", kappa=1.0), "has no setting kappa; it knows shortlist"),
    ],
)
def test_wrong_names_are_answered_with_the_right_ones(make, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make()
