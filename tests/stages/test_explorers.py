"""Explorers of a campaign: who gets how many replicas in a round, what they brought, and the frames they meet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reactal.campaign.state import CampaignState
from reactal.chem import Frames
from reactal.config import CampaignConfig
from reactal.explorers import Explorer, Explorers
from reactal.potentials.architecture import Architecture
from reactal.potentials.committee import Committee
from reactal.potentials.priors import ScreenedRepulsion
from reactal.potentials.references import References
from reactal.potentials.schnetpack import build_network
from reactal.runner import Campaign
from reactal.stages.bench import Bench
from reactal.stages.explorers import Yield, dealt, explorers_yields, frames_of_explorers
from tests.campaign.journals import labelled
from tests.campaigns import leps_campaign
from tests.stages.conftest import bench_of
from tests.stages.geometries import PRODUCT, REACTANT, SADDLE, explored, moved, pool_of, seeded

SCHEDULE = (
    {"method": "metadynamics", "weight": (2.0, 0.0), "length": 10.0},
    {"method": "dynamics", "temperature": (600.0, 200.0), "length": 10.0},
)
EQUAL = np.ones(3)


def with_schedule(config: CampaignConfig, request: pytest.FixtureRequest) -> Bench:
    rule = Explorers(schedule=tuple(Explorer(**line) for line in SCHEDULE), replicas=4, check_every=5, over=4, bandit=True)  # type: ignore[arg-type]
    return bench_of(config.model_copy(update={"explorers": rule}), request)


@pytest.mark.slow
def test_a_campaign_explores_with_them_too(tmp_path: Path) -> None:
    """One round: the pool holds what dynamics and what the explorer met."""
    schedule = [{"method": "metadynamics", "length": 10.0}]
    file = leps_campaign(tmp_path, explorers={"schedule": schedule, "replicas": 2}, budget={"labels": 26})
    with Campaign(file) as campaign:
        campaign.run()
        (first, *_) = campaign.state.explorations
        roles = set(campaign.bench.pools.get(first.pool).extra["role"].tolist())
    assert {"dynamics", "metadynamics"} <= roles


def test_weights_and_temperatures_change_over_rounds() -> None:
    line = Explorer(method="exchange", weight=(2.0, 1.0), temperature=(900.0, 300.0), first=1, last=9)
    assert [line.weight_at(round_, 4) for round_ in (0, 1, 2, 4, 9, 10)] == [0.0, 1.75, 1.5, 1.0, 1.0, 0.0]
    assert [line.temperature_at(round_, 4) for round_ in (0, 2, 8)] == [900.0, 600.0, 300.0]


def test_lines_of_one_method_have_names_of_their_own(config: CampaignConfig) -> None:
    methods = ("dynamics", "exchange", "umbrella", "umbrella")
    schedule = tuple(Explorer(method=method) for method in methods)  # type: ignore[arg-type]
    rule = config.explorers.model_copy(update={"schedule": schedule})
    assert rule.roles == ("dynamics 1", "exchange", "umbrella 1", "umbrella 2")
    assert config.explorers.schedule == ()  # nothing by default


def test_replicas_go_where_errors_were_found() -> None:
    untried = [Yield()] * 3
    assert dealt(EQUAL, untried, 12) == [4, 4, 4]
    assert dealt(np.asarray([2.0, 1.0, 0.0]), untried, 9) == [6, 3, 0]
    found = [Yield(9, 9.0, 100), Yield(1, 0.5, 100), Yield()]
    best, worst, new = dealt(EQUAL, found, 30)
    assert best > new > worst >= 1
    assert best + new + worst == 30
    poor = [Yield(500, 1000.0, 100), Yield(1, 1e-6, 100), Yield(1, 1e-6, 100)]
    assert min(dealt(EQUAL, poor, 4)) == 1  # nobody is given up


def test_yields_are_errors_of_the_labels_that_were_brought(config: CampaignConfig, request: pytest.FixtureRequest) -> None:
    bench = with_schedule(config, request)
    places = [moved(SADDLE, 0.05 * i) for i in range(4)]
    pool = pool_of(places, ["metadynamics", "metadynamics", "dynamics 1", "path"])
    bought = pool[[1, 3]].with_extra(arm=np.asarray(["active"] * 2), iteration=np.asarray([1, 1]))
    forces = bought.forces.copy()
    forces[0] += [0.0, 0.3, 0.4]
    known = Frames(bought.numbers, bought.positions, bought.offsets, bought.charge, bought.multiplicity, bought.energy, forces)
    version = bench.datasets.commit(
        bench.config.name, known.with_extra(**bought.extra), theory=bench.theory.fingerprint
    )  # fmt: skip
    event = labelled(0, asked=2).model_copy(update={"dataset": version.version, "rows": 2})
    round_ = explored(bench.pools.put(pool), ends_ev=(0.0, 0.0))
    state = CampaignState(seeded=seeded(bench), labelled=(event,), explored=round_, explorations=(round_,))
    first, second = explorers_yields(bench, state)
    assert (first.labels, first.frames, second) == (1, 2, Yield(0, 0.0, 1))
    assert first.error == pytest.approx(0.5)


def test_frames_have_the_names_of_their_explorers(config: CampaignConfig, request: pytest.FixtureRequest) -> None:
    bench = with_schedule(config, request)
    networks = tuple(build_network(Architecture(features=8, interactions=1, radial=6), seed=i) for i in range(2))
    committee = Committee(networks, References(((1, -13.6),)), ScreenedRepulsion())
    ends = Frames.of([REACTANT, PRODUCT])
    first, again = (
        frames_of_explorers(bench, CampaignState(), committee, ends, ends=ends, trust=50.0, iteration=2) for _ in range(2)
    )
    assert [part.extra["role"][0] for part in first] == ["metadynamics", "dynamics 1"]
    assert len(first[0]) >= 2 * 2  # two replicas, at their start and their end at least
    assert all((one.positions == other.positions).all() for one, other in zip(first, again, strict=True))
    later = frames_of_explorers(bench, CampaignState(), committee, ends, ends=ends, trust=50.0, iteration=4)
    assert [part.extra["role"][0] for part in later] == ["dynamics 1"]
    plain = bench_of(config, request)
    assert frames_of_explorers(plain, CampaignState(), committee, ends, ends=ends, trust=50.0, iteration=2) == []
