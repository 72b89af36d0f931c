"""What is labelled next: the tests first, a random arm always, nothing from a runaway, never more than was asked for."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from reactal.campaign.decide import Select
from reactal.campaign.events import BatchChosen, WayTest
from reactal.campaign.state import CampaignState
from reactal.chem import Frames, Structure
from reactal.stages.bench import Bench
from reactal.stages.select import TESTS, select
from tests.campaign.journals import labelled, way_test
from tests.stages.geometries import REACTANT, RULED_OUT, SADDLE, explored, moved, pool_of, seeded

SIZE = 10
DRAWS = 60
SPACING = 0.05  # angstrom, wide enough that no two are near-duplicates


def line_of(count: int, *, sideways: float) -> list[Structure]:
    return [moved(SADDLE, SPACING * (number - count / 2), sideways=sideways) for number in range(count)]


def candidates(*, disagreement: float = 0.3) -> Frames:
    """A pool as exploration leaves it: saddle with its sides, surroundings, path, dynamics."""
    parts = [([SADDLE, moved(SADDLE, 0.1), moved(SADDLE, -0.1)], ["saddle", "mode", "mode"])]
    for number, role in enumerate(("path", "between", "near saddle", "descent", "dynamics"), start=1):
        parts.append((line_of(8, sideways=0.15 * number), [role] * 8))
    structures = [structure for some, _ in parts for structure in some]
    roles = [role for _, some in parts for role in some]
    doubt = disagreement * np.linspace(0.9, 1.1, len(structures))
    return pool_of(structures, roles, disagreement=doubt)


def selected(
    bench: Bench,
    pool: Frames,
    *,
    focus: bool = False,
    size: int = SIZE,
    iteration: int = 0,
    tested: WayTest | None = None,
    **more: bool | int,
) -> tuple[BatchChosen, Frames]:
    known = pool_of([REACTANT], ["relax"], arm=["seed"], iteration=[0])
    version = bench.datasets.commit(bench.config.name, known, theory=bench.theory.fingerprint)
    event = labelled(0, asked=1, ways=tested).model_copy(update={"dataset": version.version, "rows": 1})
    state = CampaignState(seeded=seeded(bench), labelled=(event,), explored=explored(bench.pools.put(pool), ends_ev=(0.0, 0.0)))
    chosen = select(bench, state, Select(iteration, focus=focus, size=size, **more))  # type: ignore[arg-type]
    return chosen, bench.pools.get(chosen.batch)


@pytest.mark.parametrize("focus", [False, True])
@pytest.mark.parametrize("size", [4, 6, 10, 20])
def test_size_is_kept_and_nothing_is_chosen_twice(bench: Bench, focus: bool, size: int) -> None:
    event, batch = selected(bench, candidates(), focus=focus, size=size)
    assert event.batch_size == len(batch) == size
    assert len({batch.structure(row).key for row in range(size)}) == size
    assert (event.iteration, event.focus) == (1, focus)


@pytest.mark.parametrize("focus", [False, True])
@pytest.mark.parametrize("size", [4, 6, 10])
def test_the_random_arm_is_always_there(bench: Bench, focus: bool, size: int) -> None:
    _, batch = selected(bench, candidates(), focus=focus, size=size)
    arms = batch.extra["arm"].tolist()
    assert arms.count("random") >= max(1, round(bench.config.selection.random_share * size))
    assert all(role not in TESTS for role, arm in zip(batch.extra["role"], arms, strict=True) if arm == "random")


def test_what_judges_the_model_comes_first(bench: Bench) -> None:
    _, batch = selected(bench, candidates())
    assert batch.extra["role"][:3].tolist() == ["saddle", "mode", "mode"]
    assert batch.extra["arm"][:3].tolist() == ["test"] * 3


def test_the_saddle_is_labelled_even_where_the_committee_is_at_odds_about_it(bench: Bench) -> None:
    pool = candidates()
    doubt = np.where(pool.extra["role"] == "saddle", RULED_OUT, pool.extra["disagreement"])
    _, batch = selected(bench, pool.with_extra(disagreement=doubt))
    assert "saddle" in batch.extra["role"]


def test_predictions_travel_with_the_batch(bench: Bench) -> None:
    """The honest test compares them with the labels that come later."""
    pool = candidates()
    _, batch = selected(bench, pool)
    for row in range(len(batch)):
        same = next(i for i in range(len(pool)) if pool.structure(i).key == batch.structure(row).key)
        assert batch.energy[row] == pool.energy[same]
        assert np.array_equal(batch.forces[batch.atoms(row)], pool.forces[pool.atoms(same)])
        assert batch.extra["disagreement"][row] == pool.extra["disagreement"][same]


def test_a_valley_is_a_test_and_how_far_to_relax_it_goes_along(bench: Bench) -> None:
    pool = Frames.concat([candidates(), pool_of([moved(SADDLE, 0.0, sideways=1.5)], ["valley"])])
    event, batch = selected(bench, pool, probe=7)
    assert batch.extra["arm"][batch.extra["role"] == "valley"].tolist() == ["test"]
    assert (event.probe, event.batch_size) == (7, SIZE)


@pytest.mark.parametrize("focus", [False, True])
def test_the_active_arm_takes_nothing_from_a_runaway(bench: Bench, focus: bool) -> None:
    pool = candidates()
    wild = np.flatnonzero(~np.isin(pool.extra["role"], TESTS))[::2]
    doubt = pool.extra["disagreement"].copy()
    doubt[wild] = bench.config.exploration.band_cap + 0.1
    pool = pool.with_extra(disagreement=doubt)
    event, batch = selected(bench, pool, focus=focus)
    active = batch.extra["arm"] == "active"
    assert active.any()
    assert (batch.extra["disagreement"][active] <= bench.config.exploration.band_cap).all()
    assert event.dropped["runaway"] > 0


def test_what_no_molecule_can_be_is_in_no_arm(bench: Bench) -> None:
    """Energy far above everything that was labelled: neither by doubt nor by lot."""
    pool = candidates()
    shot = np.flatnonzero(np.isin(pool.extra["role"], ("dynamics", "descent")))
    high = pool.energy.copy()
    high[shot] += 2 * bench.config.training.energy_limit
    impossible = {pool.structure(int(row)).key for row in shot}
    pool = Frames(**{**vars(pool), "energy": high})
    _, batch = selected(bench, pool, size=20)
    assert impossible.isdisjoint(batch.structure(row).key for row in range(len(batch)))


def test_what_is_labelled_already_is_not_asked_for_again(bench: Bench) -> None:
    pool = Frames.concat([candidates(), pool_of([REACTANT] * 3, ["dynamics"] * 3)])
    _, batch = selected(bench, pool, size=30)
    assert REACTANT.key not in {batch.structure(row).key for row in range(len(batch))}


def test_focus_stays_near_the_saddle(bench: Bench) -> None:
    _, batch = selected(bench, candidates(), focus=True)
    active = batch.extra["role"][batch.extra["arm"] == "active"]
    assert set(active.tolist()) <= {"near saddle", "path", "between"}


def test_an_ordinary_round_takes_some_of_the_dynamics(bench: Bench) -> None:
    _, batch = selected(bench, candidates(), size=20)
    assert "dynamics" in batch.extra["role"][batch.extra["arm"] == "active"]


def test_a_pool_that_is_too_small_gives_a_smaller_batch(bench: Bench) -> None:
    pool = candidates()
    event, batch = selected(bench, pool[:5], size=SIZE)
    assert event.batch_size == len(batch) <= 5


def test_the_same_again_and_another_iteration_draws_another_lot(bench: Bench) -> None:
    pool = candidates()
    first, again, later = (selected(bench, pool, iteration=iteration)[0] for iteration in (0, 0, 1))
    assert first == again
    assert first.batch != later.batch


def test_a_proof_is_drawn_by_lot_alone(bench: Bench) -> None:
    event, batch = selected(bench, candidates(), proof=True, size=12)
    assert event.proof
    assert batch.extra["arm"].tolist() == ["random"] * 12
    assert set(TESTS).isdisjoint(batch.extra["role"].tolist())


def test_a_proof_of_the_ways_down_takes_them_all_beside_the_lot(bench: Bench) -> None:
    ways = line_of(6, sideways=0.9)
    pool = Frames.concat([candidates(), pool_of(ways, ["way down"] * 6)])
    event, batch = selected(bench, pool, proof=True, ways=True, size=4)
    assert event.batch_size == 10
    assert {batch.structure(row).key for row in np.flatnonzero(batch.extra["arm"] == "test")} == {way.key for way in ways}
    assert batch.extra["arm"].tolist().count("random") == 4
    event, batch = selected(bench, pool, proof=True, ways=True, size=0)
    assert batch.extra["role"].tolist() == ["way down"] * 6


def test_after_ways_that_did_not_hold_it_looks_there_too(bench: Bench) -> None:
    """The most doubtful lie on the way down; a focus round would not look at them."""
    ways = pool_of(line_of(6, sideways=0.9), ["descent"] * 6, disagreement=1.2)
    pool = Frames.concat([candidates(), ways])
    for test, looks in ((None, False), (way_test(force=0.9), True)):
        _, batch = selected(bench, pool, focus=True, size=8, tested=test)
        active = batch.extra["role"][batch.extra["arm"] == "active"]
        assert ("descent" in active.tolist()) is looks


def test_the_lot_falls_on_all_alike(bench: Bench) -> None:
    """Whatever the committee doubts: over many draws, each structure comes about as often as any other."""
    pool = candidates()
    free = int((~np.isin(pool.extra["role"], TESTS)).sum())
    drawn = Counter(
        batch.structure(row).key
        for iteration in range(DRAWS)
        for _, batch in [selected(bench, pool, proof=True, size=10, iteration=iteration)]
        for row in range(len(batch))
    )
    assert len(drawn) == free
    expected = DRAWS * 10 / free
    spread = np.sqrt(expected * (1 - 10 / free))  # binomial
    assert max(drawn.values()) < expected + 5 * spread
    assert min(drawn.values()) > expected - 5 * spread
