"""The whole selection: what each arm may and may not hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chisquare

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.selection.acquisition import DoubtfulBand
from reactal.selection.batch import ACTIVE, RANDOM, SelectionSettings, select

SETTINGS = SelectionSettings(duplicate=0.02, band=DoubtfulBand(0.2, 1.0))


def choose(pool: Frames, dataset: Frames, *, size: int = 10, share: float = 0.2, seed: int = 0, settings=SETTINGS):
    return select(pool, dataset=dataset, size=size, random_share=share, settings=settings, rng=np.random.default_rng(seed))


def test_a_batch_has_both_arms_and_no_row_twice(make_pool, labelled) -> None:
    chosen = choose(make_pool(200), labelled(make_pool(30, seed=8)))
    assert len(chosen.rows) == len(set(chosen.rows.tolist())) == len(chosen.reasons) == 10
    assert (chosen.arms.count(ACTIVE), chosen.arms.count(RANDOM)) == (8, 2)
    assert set(chosen.of_arm(ACTIVE)).isdisjoint(chosen.of_arm(RANDOM))
    assert all(reason for reason in chosen.reasons)


def test_active_picks_come_from_the_doubtful_band_and_begin_with_the_most_doubtful(make_pool, labelled) -> None:
    doubt = np.random.default_rng(1).uniform(0.0, 5.0, 300)
    pool = make_pool(300, disagreement=doubt)
    chosen = choose(pool, labelled(make_pool(5, seed=8)))
    active = doubt[chosen.of_arm(ACTIVE)]
    assert active.min() >= 0.2
    assert active.max() <= 1.0
    left = np.setdiff1d(np.flatnonzero(doubt <= 1.0), chosen.of_arm(RANDOM))
    assert active[0] == doubt[left].max()
    assert chosen.dropped["runaway"] == np.sum(np.delete(doubt, chosen.of_arm(RANDOM)) > 1.0)


def test_runaways_alone_give_no_active_picks(make_pool, labelled) -> None:
    chosen = choose(make_pool(50, disagreement=np.full(50, 30.0)), labelled(make_pool(3, seed=8)))
    assert set(chosen.arms) == {RANDOM}
    assert len(chosen.rows) == 2


def test_random_arm_is_uniform_over_the_physical_pool(make_pool, labelled) -> None:
    """Disagreement, band and diversity must not reach it: a chi-square test over many draws."""
    pool = make_pool(20, disagreement=np.geomspace(1e-3, 50.0, 20), rattle=0.1)
    energy = np.where(np.arange(20) < 4, 1000.0, -100.0)
    pool = pool.with_extra(energy_predicted=energy)
    dataset = labelled(make_pool(3, seed=8))
    counts = np.zeros(20)
    for seed in range(600):
        counts[choose(pool, dataset, size=5, share=0.4, seed=seed).of_arm(RANDOM)] += 1
    assert counts[:4].sum() == 0
    assert counts.sum() == 1200
    assert chisquare(counts[4:]).pvalue > 1e-3


def test_random_arm_never_holds_what_is_labelled_already(make_pool, labelled) -> None:
    pool = make_pool(12)
    dataset = labelled(pool[:10])
    for seed in range(20):
        assert set(choose(pool, dataset, seed=seed).rows.tolist()) == {10, 11}


def test_near_duplicates_of_the_dataset_and_of_each_other_are_not_labelled(make_pool, labelled) -> None:
    one = make_pool(6, rattle=0.1)
    rng = np.random.default_rng(2)
    crowd = Frames.repeat(
        one.structure(0),
        np.repeat(one.positions.reshape(6, -1, 3), 20, axis=0) + 1e-3 * rng.normal(size=(120, 7, 3)),
        disagreement=rng.uniform(0.3, 0.9, 120),
        energy_predicted=np.full(120, -100.0),
        source=np.full(120, "dynamics"),
    )
    chosen = choose(crowd, labelled(one[:2]), size=12, share=0.0)
    assert sorted(set(chosen.rows // 20)) == [2, 3, 4, 5]
    assert len(chosen.rows) == 4
    assert (chosen.dropped["known"], chosen.dropped["duplicate"]) == (40, 76)


def test_sure_structures_fill_the_batch_only_if_asked(make_pool, labelled) -> None:
    doubt = np.full(40, 0.01)
    doubt[:3] = 0.5
    pool, dataset = make_pool(40, disagreement=doubt), labelled(make_pool(3, seed=8))
    assert len(choose(pool, dataset, share=0.0).rows) == 10
    strict = SelectionSettings(band=DoubtfulBand(0.2, 1.0), fill=False)
    alone = choose(pool, dataset, share=0.0, settings=strict)
    assert sorted(alone.rows.tolist()) == [0, 1, 2]
    assert alone.dropped["sure"] == 37


def test_diverse_rather_than_the_most_doubtful_crowd(make_pool, labelled) -> None:
    """Twenty almost equal structures of highest doubt, and four others a little below: the batch takes the others too."""
    crowd = make_pool(1, rattle=0.1).positions + 0.02 * np.random.default_rng(0).normal(size=(20, 7, 3))
    others = make_pool(4, seed=4, rattle=0.1).positions.reshape(4, -1, 3)
    pool = make_pool(24, disagreement=np.r_[np.full(20, 0.9), np.full(4, 0.7)])
    pool = Frames.repeat(pool.structure(0), np.concatenate([crowd, others]), **pool.extra)
    chosen = choose(pool, labelled(make_pool(3, seed=8)), size=5, share=0.0)
    assert {20, 21, 22, 23} <= set(chosen.rows.tolist())


def test_same_random_numbers_same_batch(make_pool, labelled) -> None:
    pool, dataset = make_pool(150), labelled(make_pool(20, seed=8))
    one, again, other = (choose(pool, dataset, seed=s) for s in (3, 3, 4))
    assert one.rows.tolist() == again.rows.tolist()
    assert one.of_arm(RANDOM).tolist() != other.of_arm(RANDOM).tolist()


def test_empty_pool_and_empty_dataset(make_pool) -> None:
    assert len(choose(make_pool(0), make_pool(0)).rows) == 0
    assert len(choose(make_pool(30), Frames.of([])).rows) == 10


@pytest.mark.parametrize(("size", "share"), [(0, 0.2), (5, 1.2)])
def test_impossible_batches_are_refused(make_pool, size: int, share: float) -> None:
    with pytest.raises(InputError, match="cannot be chosen"):
        choose(make_pool(3), make_pool(0), size=size, share=share)


def test_a_pool_without_predictions_is_refused(make_pool) -> None:
    with pytest.raises(InputError, match="lacks the columns disagreement, source"):
        pool = make_pool(3)
        bare = Frames.repeat(pool.structure(0), pool.positions.reshape(3, -1, 3), energy_predicted=np.zeros(3))
        choose(bare, make_pool(0))


def test_empty_band_is_refused() -> None:
    with pytest.raises(InputError, match="is empty"):
        DoubtfulBand(1.0, 0.5)
