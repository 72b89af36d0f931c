"""A campaign that names a strategy: each finds the columns it needs, and the tests and the lot stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from reactal.assembly import Workshop
from reactal.campaign.decide import Select
from reactal.campaign.events import Trained
from reactal.campaign.state import CampaignState
from reactal.chem import Attempt, Frames, Label
from reactal.config import load_config
from reactal.errors import ConfigError
from reactal.labeling.cost import learnt_from
from reactal.potentials.architecture import Architecture
from reactal.potentials.committee import Committee
from reactal.potentials.export import save_committee
from reactal.potentials.priors import ScreenedRepulsion
from reactal.potentials.references import References
from reactal.potentials.schnetpack import build_network
from reactal.progress import NoProgress
from reactal.sections import ACQUISITIONS, BAND, CHOOSERS
from reactal.selection import strategy as strategies
from reactal.stages.bench import Bench
from reactal.stages.columns import round_of
from reactal.stages.select import TESTS, select
from tests.campaign.journals import labelled
from tests.campaigns import leps_campaign
from tests.stages.conftest import bench_of
from tests.stages.geometries import REACTANT, RULED_OUT, SADDLE, explored, moved, pool_of, seeded
from tests.stages.test_calibrate import points
from tests.stages.test_select import candidates

SIZE = 10
SECONDS = 2.0
NAMES = sorted({*ACQUISITIONS, *CHOOSERS[1:], "entropy+lcmd"})
Choose = Callable[..., tuple[Frames, dict[str, int]]]


@pytest.fixture(scope="module")
def weights() -> dict[str, bytes]:
    """Three small networks that nobody has trained."""
    architecture = Architecture(features=8, interactions=1)
    networks = tuple(build_network(architecture, seed=seed) for seed in range(3))
    return save_committee(Committee(networks, References(((1, -13.0),)), ScreenedRepulsion()))


@pytest.fixture
def choose(bench: Bench, request: pytest.FixtureRequest, weights: dict[str, bytes]) -> Choose:
    """The batch of a named strategy and what was dropped, from a pool with a band and a trained committee."""

    def chosen(
        strategy: str, pool: Frames, *, space: str = "distances", from_store: bool = False, **settings: object
    ) -> tuple[Frames, dict[str, int]]:
        update = {"strategy": strategy, "strategy_settings": settings, "space": space, "from_store": from_store}
        section = bench.config.selection.model_copy(update=update)
        mine = bench_of(bench.config.model_copy(update={"selection": section}), request)
        known = pool_of([REACTANT], ["relax"], arm=["seed"], iteration=[0])
        version = mine.datasets.commit(mine.config.name, known, theory=mine.theory.fingerprint)
        event = labelled(0, asked=1).model_copy(update={"dataset": version.version, "rows": 1})
        trained = Trained(
            iteration=1, dataset=version.version, rows=1, model=mine.models.put(weights), force_mae=(0.1,), restarts=0
        )
        band = mine.pools.put(pool_of([moved(SADDLE, at) for at in (-0.2, 0.0, 0.2)], ["path"] * 3))
        seen = explored(mine.pools.put(pool), ends_ev=(0.0, 0.0)).model_copy(update={"path": band})
        state = CampaignState(seeded=seeded(mine), labelled=(event,), explored=seen, trained=trained)
        batch = select(mine, state, Select(0, focus=False, size=SIZE))
        return mine.pools.get(batch.batch), batch.dropped

    return chosen


@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_fills_the_active_arm(choose: Choose, name: str) -> None:
    batch, _ = choose(name, candidates())
    arms = batch.extra["arm"].tolist()
    assert (len(batch), arms.count("test")) == (SIZE, 3)
    assert arms.count("random") == 2
    assert len({batch.structure(row).key for row in range(SIZE)}) == SIZE
    assert all(role not in TESTS for role in batch.extra["role"][np.asarray(arms) == "active"])


def test_doubt_alone_takes_the_most_doubtful(choose: Choose) -> None:
    pool = candidates()
    batch, _ = choose("disagreement", pool)
    active = batch.extra["disagreement"][(batch.extra["arm"] == "active") & (batch.extra["role"] != "dynamics")]
    path = np.isin(pool.extra["role"], ("path", "between", "descent", "near saddle"))
    assert np.sort(active)[-1] >= np.sort(pool.extra["disagreement"][path])[-4]


def test_no_strategy_sees_a_runaway(choose: Choose) -> None:
    pool = candidates()
    wild = ~np.isin(pool.extra["role"], TESTS) & (np.arange(len(pool)) % 2 == 0)
    batch, dropped = choose("disagreement", pool.with_extra(disagreement=np.where(wild, RULED_OUT, pool.extra["disagreement"])))
    active = batch.extra["arm"] == "active"
    assert active.any()
    assert batch.extra["disagreement"][active].max() < RULED_OUT
    assert dropped["runaway"] > 0
    nothing, _ = choose("kdpp", pool.with_extra(disagreement=np.full(len(pool), RULED_OUT)))
    assert "active" not in nothing.extra["arm"]


def test_the_latent_space_is_another_space(choose: Choose) -> None:
    pool = candidates()
    keys = [
        {batch.structure(row).key for row in np.flatnonzero(batch.extra["arm"] == "active")}
        for batch, _ in (choose("farthest", pool, space=space) for space in ("distances", "latent"))
    ]
    assert keys[0] != keys[1]


@pytest.mark.parametrize("strategy", [BAND, "disagreement"])
def test_a_label_of_the_store_stands_in_for_what_is_nearly_the_same(choose: Choose, bench: Bench, strategy: str) -> None:
    """Another campaign has labelled each candidate, turned and moved by less than near-duplicates are apart."""
    pool = candidates()
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    shift = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.2 * bench.config.selection.duplicate], [0.0, 0.0, 0.0]])
    others = [one.moved((one.positions + shift) @ turn.T) for one in pool.structures()]
    plain, _ = choose(strategy, pool)
    list(bench.label_pool().label(others))
    batch, _ = choose(strategy, pool, from_store=True)
    labelled_there = {one.key for one in others}
    for row in range(SIZE):
        stands_in = batch.structure(row).key in labelled_there
        assert stands_in is (batch.extra["arm"][row] == "active")
        assert stands_in or batch.structure(row).key == plain.structure(row).key
    assert len({batch.structure(row).key for row in range(SIZE)}) == SIZE
    changed = batch.extra["arm"] == "active"
    assert (batch.energy[changed] != plain.energy[changed]).all()


def test_a_budget_holds_for_the_whole_batch_by_what_labels_have_taken(choose: Choose, bench: Bench) -> None:
    """The tests and the random arm are five; the store's labels of these atoms say what each costs."""
    for number in range(4):
        other, attempt = moved(SADDLE, 0.4 + 0.01 * number), Attempt(seconds=SECONDS)
        bench.labels.put(Label(other.key, bench.theory.fingerprint, -1.0, np.zeros((3, 3)), attempts=(attempt,)), other)
    choose("disagreement", candidates())  # whatever else such a campaign has labelled is in the store now
    each = learnt_from(bench.labels, bench.theory).seconds(SADDLE)
    for strategy in ("disagreement", "mixed"):
        arms = [
            choose(strategy, candidates(), per_cost=True, budget=labels * each)[0].extra["arm"].tolist()
            for labels in (SIZE + 0.5, 7.5, 1.0)
        ]
        assert [some.count("active") for some in arms] == [5, 2, 0]
        assert all(some.count("random") == 2 for some in arms)


def test_what_a_round_has_yielded(bench: Bench) -> None:
    rounds = tuple(
        labelled(i, points=tuple(p.model_copy(update={"force_mae": mae}) for p in points(2, ratio=1.0)))
        for i, mae in enumerate((0.4, 0.2, 0.3))
    )
    now = round_of(bench, CampaignState(labelled=rounds, labels_asked=9))
    assert now.yields == pytest.approx((0.5, -0.5))
    assert now.spent == pytest.approx(9 / bench.config.budget.labels)


def test_the_campaign_file_knows_the_names_that_there_are() -> None:
    assert tuple(strategies.ACQUISITIONS) == ACQUISITIONS
    assert tuple(strategies.CHOOSERS) == CHOOSERS
    assert {BAND, *strategies.STRATEGIES} == {BAND, "default", *ACQUISITIONS, *CHOOSERS[1:]}


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"strategy": "guess"}, "a strategy is band, default, or one of random"),
        ({"strategy": "ucb+guess"}, "a strategy is band"),
        ({"strategy": "ucb", "strategy_settings": {"kapa": 2.0}}, "ucb has no setting kapa; it knows seek, kappa"),
        ({"strategy": "ucb", "strategy_settings": {"kappa": "much"}}, "ucb: kappa must be a number, not 'much'"),
        ({"strategy_settings": {"kappa": 2.0}}, "name one, or leave them out"),
    ],
)
def test_wrong_names_are_found_before_anything_is_paid_for(tmp_path: Path, section: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Workshop(load_config(leps_campaign(tmp_path, selection=section)), progress=NoProgress())
