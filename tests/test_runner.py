"""A campaign in this process, from two geometries to a verified barrier, and everything that people do to it on the way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reactal.campaign.decide import Explore, LabelBatch, Train
from reactal.campaign.events import Outcome
from reactal.config import load_resolved
from reactal.errors import DriverConflict, InputError, ScienceChanged, UnknownTheory
from reactal.labeling.execution_log import EXECUTION_LOG
from reactal.labeling.leps import leps
from reactal.runner import Campaign
from reactal.store.objects import ObjectStore
from reactal.units import KCAL_PER_MOL
from tests.campaigns import BARRIER_KCAL, end_of, leps_campaign
from tests.labeling.watching import executions

LABELS_OF_THE_WHOLE = 80

PROMISED = {
    "verdict",
    "barriers",
    "labels",
    "random_arm",
    "trust_region",
    "iterations",
    "seconds",
    "report",
    "store",
    "mlflow",
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign with the shipped settings, run to its end."""
    file = leps_campaign(tmp_path_factory.mktemp("whole"), small=False, budget={"labels": LABELS_OF_THE_WHOLE})
    with Campaign(file) as campaign:
        campaign.run()
    return file


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where every calculation that is begun leaves a line."""
    file = tmp_path / "executions"
    monkeypatch.setenv(EXECUTION_LOG, str(file))
    return file


def contents(store: ObjectStore) -> dict[str, bytes]:
    return {key: store.get(key) for key in store.list("")}


def until(campaign: Campaign, kind: type) -> None:
    """Go on until the next action is of that kind."""
    while not isinstance(action := campaign.next_action(), kind):
        campaign.carry_out(action)


@pytest.mark.slow
def test_the_barrier_of_the_surface_is_found_and_verified(whole: Path) -> None:
    with Campaign(whole) as campaign:
        summary = campaign.summary()
    (barrier,) = summary["barriers"]
    assert summary["verdict"] == "verified", summary["evidence"]
    assert barrier["reference_kcal"] == pytest.approx(BARRIER_KCAL, abs=0.1)
    assert abs(barrier["error_kcal"]) <= summary["tolerance"]["barrier_kcal"]
    assert abs(barrier["product_error_kcal"]) <= summary["tolerance"]["barrier_kcal"]
    assert barrier["ts_force_max_ev_per_ang"] <= summary["tolerance"]["force_ev_per_ang"]
    assert (barrier["negative_modes"], barrier["joins_ends"], barrier["downhill_both_ways"]) == (1, True, True)
    assert summary["labels"]["asked"] <= LABELS_OF_THE_WHOLE


@pytest.mark.slow
def test_the_verified_saddle_is_one_of_the_surface_itself(whole: Path) -> None:
    """Not what the campaign says of it: the surface's own energy and force at the structure that was verified."""
    with Campaign(whole) as campaign:
        saddle = campaign.bench.structure_of(campaign.state.tests[-1].key)
        reactant = campaign.bench.structure_of(campaign.state.seeded.reactant)  # type: ignore[union-attr]
        said = campaign.summary()["barriers"][0]
    energy, forces = leps(saddle.positions)
    assert (energy - leps(reactant.positions)[0]) / KCAL_PER_MOL == pytest.approx(said["reference_kcal"])
    assert np.linalg.norm(forces, axis=1).max() == pytest.approx(said["ts_force_max_ev_per_ang"])


@pytest.mark.slow
def test_the_summary_says_all_that_is_promised_and_is_json(whole: Path) -> None:
    with Campaign(whole) as campaign:
        summary = json.loads(json.dumps(campaign.summary(), allow_nan=False))
    assert set(summary) >= PROMISED
    assert set(summary["labels"]) >= {"computed", "reused", "failed"}
    assert set(summary["random_arm"]) >= {"n", "force_mae_ev_per_ang", "ci95"}
    assert set(summary["trust_region"]) >= {"target_coverage", "observed_coverage"}
    assert summary["labels"]["asked"] == sum(summary["labels"][name] for name in ("computed", "reused", "failed"))
    assert summary["seconds"]["total"] == pytest.approx(sum(v for k, v in summary["seconds"].items() if k != "total"), abs=0.1)
    assert summary["random_arm"]["n"] > 0


@pytest.mark.slow
def test_the_report_is_there_without_being_asked_for(whole: Path) -> None:
    with Campaign(whole) as campaign:
        summary, folder = campaign.summary(), campaign.folder
    assert summary["report"] == str(folder / "report.html")
    assert (folder / "report.html").read_text().lstrip().lower().startswith("<!doctype html")
    assert json.loads((folder / "report.json").read_text())


@pytest.mark.slow
def test_run_again_is_done_and_changes_nothing(whole: Path, log: Path) -> None:
    with Campaign(whole) as before:
        there, said = contents(before.bench.objects), before.summary()
    with Campaign(whole) as again:
        assert again.run() == said
        assert again.finished
    assert contents(again.bench.objects) == there
    assert executions(log) == []


@pytest.mark.slow
def test_the_potential_is_what_the_campaign_ends_with(whole: Path) -> None:
    """As an ASE calculator: its barrier is the one in the verdict, its forces are the slope of its energy."""
    from ase import Atoms

    with Campaign(whole) as campaign:
        calculator, explored = campaign.potential, campaign.state.explored
        ends = [campaign.bench.structure_of(key) for key in (campaign.state.seeded.reactant, campaign.state.seeded.product)]  # type: ignore[union-attr]
    assert explored is not None
    for structure, energy in zip(ends, explored.ends_ev, strict=True):
        atoms = Atoms(numbers=structure.numbers, positions=structure.positions, calculator=calculator)
        assert atoms.get_potential_energy() == pytest.approx(energy, abs=1e-5)  # eV
    atoms.rattle(0.05, seed=1)
    forces, step = atoms.get_forces(), 1e-4
    atoms.positions[1, 2] += step
    above = atoms.get_potential_energy()
    atoms.positions[1, 2] -= 2 * step
    assert -(above - atoms.get_potential_energy()) / (2 * step) == pytest.approx(forces[1, 2], abs=1e-4)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_numbers_to_the_bit(tmp_path: Path) -> None:
    ends = []
    for name in ("one", "other"):
        with Campaign(leps_campaign(tmp_path / name)) as campaign:
            campaign.run()
            ends.append(end_of(campaign))
    assert ends[0] == ends[1]


@pytest.mark.slow
def test_another_seed_gives_others(tmp_path: Path) -> None:
    batches = []
    for seed in (0, 1):
        with Campaign(leps_campaign(tmp_path / str(seed), seed=seed)) as campaign:
            until(campaign, LabelBatch)
            batches.append(campaign.state.pending)
    assert batches[0] != batches[1]


def test_nothing_is_written_by_looking(tmp_path: Path) -> None:
    with Campaign(leps_campaign(tmp_path)) as campaign:
        campaign.summary()
        campaign.next_action()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["campaign.yaml", "product.xyz", "reactant.xyz"]


def test_a_theory_that_does_not_fit_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    theory = {"program": "ase", "method": "lepz", "basis": "none", "keywords": {}}
    with Campaign(leps_campaign(tmp_path, theory=theory)) as campaign, pytest.raises(UnknownTheory, match="lepz/none"):
        campaign.run()
    assert not (tmp_path / ".reactal").exists()


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "seed": ({"seed": 7}, "seed: 0 -> 7"),
    "training": ({"training": {"steps_first": 21}}, "training.steps_first: 20 -> 21"),
    "verification": ({"verification": {"barrier_tolerance": 5.0}}, "verification.barrier_tolerance: 1.0 -> 5.0"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_other_science_is_refused_with_the_difference(case: str, tmp_path: Path) -> None:
    changes, said = CHANGES[case]
    with Campaign(leps_campaign(tmp_path)) as campaign:
        campaign.begin()
        before = contents(campaign.bench.objects)
    with Campaign(leps_campaign(tmp_path, **changes)) as other, pytest.raises(ScienceChanged, match=said):
        other.run()
    # the lease that was held and given back is all that differs from the moment after `begin`
    assert {k: v for k, v in contents(other.bench.objects).items() if k in before} == before
    assert len([k for k in contents(other.bench.objects) if "/journal/" in k]) == 1


def test_other_geometries_are_other_science(tmp_path: Path) -> None:
    with Campaign(leps_campaign(tmp_path)) as campaign:
        campaign.begin()
    file = tmp_path / "product.xyz"
    file.write_text(file.read_text().replace("2.06", "2.07"))
    with Campaign(tmp_path / "campaign.yaml") as other, pytest.raises(ScienceChanged, match="product: "):
        other.run()


def test_other_resources_and_another_budget_are_taken_and_remembered(tmp_path: Path) -> None:
    with Campaign(leps_campaign(tmp_path)) as campaign:
        until(campaign, LabelBatch)
    more = leps_campaign(tmp_path, resources={"slots": 1, "timeout_seconds": 60.0}, budget={"labels": 60})
    with Campaign(more) as campaign:
        assert campaign.config.sha256 != campaign.state.config
        campaign.carry_out(campaign.next_action())
        assert isinstance(campaign.next_action(), Train)
        kept = campaign.bench.objects.get(f"campaigns/h3/config/{campaign.config.sha256}.yaml")
    assert load_resolved(kept) == campaign.config


def test_an_amendment_is_written_with_its_reason_and_then_holds(tmp_path: Path) -> None:
    with Campaign(leps_campaign(tmp_path)) as campaign:
        campaign.begin()
    changed = leps_campaign(tmp_path, training={"steps_first": 21})
    with Campaign(changed) as campaign:
        assert campaign.amend("the first model was too poor") == ("training.steps_first: 20 -> 21",)
        event = campaign.events[-1].as_json()
        assert (event["kind"], event["reason"]) == ("amended", "the first model was too poor")
        until(campaign, LabelBatch)
    with Campaign(leps_campaign(tmp_path)) as back, pytest.raises(ScienceChanged, match="steps_first: 21 -> 20"):
        back.run()


def test_there_is_nothing_to_amend_before_a_campaign_begins(tmp_path: Path) -> None:
    with Campaign(leps_campaign(tmp_path)) as campaign, pytest.raises(InputError, match="not begun"):
        campaign.amend("why not")


def test_a_driver_stops_where_somebody_else_pauses_it(tmp_path: Path) -> None:
    file = leps_campaign(tmp_path)
    with Campaign(file) as driver:
        until(driver, LabelBatch)
        with Campaign(file) as somebody:
            somebody.pause("lunch")
        assert driver.run()["verdict"] == "paused"
        assert driver.state.pending is not None and not driver.state.labelled
        with Campaign(file) as somebody:
            somebody.resume("back")
        assert isinstance(driver.next_action(), LabelBatch)
        driver.carry_out(driver.next_action())
        assert driver.state.labelled


def test_a_pause_during_an_action_does_not_cost_its_event(tmp_path: Path) -> None:
    file = leps_campaign(tmp_path)
    with Campaign(file) as driver:
        until(driver, LabelBatch)
        action = driver.next_action()
        with Campaign(file) as somebody:
            somebody.pause("while it labels")
        event = driver.carry_out(action)
    assert [e.kind for e in driver.events[-2:]] == ["paused", "labelled"]
    with Campaign(file) as again:
        assert again.events == driver.events
        assert again.state.labelled == (event,)


@pytest.mark.slow
def test_a_finished_campaign_goes_on_with_a_fresh_budget(tmp_path: Path) -> None:
    file = leps_campaign(tmp_path, budget={"labels": 30})
    with Campaign(file) as campaign:
        first = campaign.run()
        assert campaign.state.outcome is Outcome.BUDGET_SPENT
        with pytest.raises(InputError, match="finished"):
            campaign.pause("too late")
        campaign.resume("another night")
        second = campaign.run()
    assert second["verdict"] == "budget_spent"
    assert second["iterations"] > first["iterations"]
    assert second["labels"]["asked"] > first["labels"]["asked"]


def test_a_second_driver_is_refused_and_writes_nothing(tmp_path: Path) -> None:
    file = leps_campaign(tmp_path)
    with Campaign(file) as first:
        until(first, LabelBatch)
        before = contents(first.bench.objects)
        with Campaign(file) as second, pytest.raises(DriverConflict, match="another driver") as refused:
            second.run()
        assert refused.value.exit_code == 2
        assert contents(first.bench.objects) == before
        first.carry_out(first.next_action())
    with Campaign(file) as third:
        third.begin()


def test_a_driver_that_lost_its_lease_cannot_overwrite_the_other_s_event(tmp_path: Path) -> None:
    """The journal decides where the lease could not: both believe that they drive."""
    file = leps_campaign(tmp_path)
    with Campaign(file) as slow:
        until(slow, LabelBatch)
        action = slow.next_action()
        slow._lease.release()
        with Campaign(file) as quick:
            quick.carry_out(quick.next_action())
        with pytest.raises(DriverConflict):
            slow.carry_out(action)
    with Campaign(file) as now:
        assert now.events == quick.events


@pytest.fixture
def two_campaigns(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: leps_campaign(tmp_path, name=name)


@pytest.mark.slow
def test_campaigns_share_labels_through_their_store(two_campaigns: Callable[[str], Path], log: Path) -> None:
    with Campaign(two_campaigns("first")) as campaign:
        until(campaign, Explore)
    count = len(executions(log))
    with Campaign(two_campaigns("second")) as campaign:
        until(campaign, Explore)
        assert (campaign.state.computed, campaign.state.reused) == (0, campaign.state.labels_asked)
    assert count == campaign.state.labels_asked + 2, "besides labels, one trial of the theory for each end"
    assert len(executions(log)) == count + 2


def test_no_model_yet_is_said(tmp_path: Path) -> None:
    with Campaign(leps_campaign(tmp_path)) as campaign, pytest.raises(InputError, match="no model yet"):
        _ = campaign.potential


def test_what_people_say_before_the_beginning_leaves_its_place_to_the_beginning(tmp_path: Path) -> None:
    """An approval is the first event then: what the campaign is run with is written down all the same."""
    file = leps_campaign(tmp_path, budget={"labels": 45, "approve_above": {"labels": 5}})
    with Campaign(file) as campaign:
        campaign.approve("Ada")
        campaign.pause("wait")
        campaign.resume("go")
    with Campaign(file) as campaign:
        campaign.begin()
        assert campaign.state.config == campaign.config.sha256
        assert [event.kind for event in campaign.events] == ["approved", "paused", "resumed", "started"]
    with Campaign(file, settings=["theory.basis=other"]) as campaign, pytest.raises(ScienceChanged):
        campaign.begin()
