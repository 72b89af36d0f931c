"""Legs of a stepwise reaction: whose they are, what they begin with, and that they are done once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reactal.campaign.events import Finished, Labelled, Outcome, Seeded, Started, ValleyProbe
from reactal.errors import InputError
from reactal.legs import leg_file, run_legs
from reactal.progress import NoProgress
from reactal.runner import Campaign
from reactal.stages.legs import leg_config, profile, split_at
from reactal.store.journal import Journal
from tests.campaigns import leps_campaign

BUDGET = {"labels": 34}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which the campaign h3 has its first labels."""
    folder = tmp_path_factory.mktemp("legs")
    with Campaign(leps_campaign(folder, store=str(folder / "store"))) as campaign:
        for _ in range(2):
            campaign.carry_out(campaign.next_action())
    return folder


@pytest.fixture(scope="module")
def split(store: Path) -> Path:
    """A campaign that is over: stepwise, by a structure in the middle of the path. Its events are those of h3 up to there."""
    folder = store / "split"
    file = leps_campaign(folder, name="split", store=str(store / "store"), budget=BUDGET)
    with Campaign(leps_campaign(store, store=str(store / "store"))) as done, Campaign(file) as campaign:
        seeded = next(event for event in done.events if isinstance(event, Seeded))
        first = next(event for event in done.events if isinstance(event, Labelled))
        rows = done.bench.dataset(first.dataset)
        middle = ValleyProbe(key=rows.structure(len(rows) // 2).key, intermediate=True, kcal=3.0, force_max=0.01, relaxed=True)
        campaign.bench.datasets.commit("split", rows, parent=0, theory=done.bench.theory.fingerprint)
        config = campaign.config
        campaign.bench.objects.put(f"campaigns/split/config/{config.sha256}.yaml", config.yaml().encode())
        journal = Journal(campaign.bench.objects, "campaigns/split/journal")
        told = [
            Started(config=config.sha256, seed=0),
            seeded,
            first.model_copy(update={"valley": middle, "dataset": 1}),
            Finished(outcome=Outcome.STEPWISE, evidence=("an intermediate lies between",)),
        ]
        for number, event in enumerate(told):
            journal.append(number, event.as_json())
    return file


def test_rows_of_another_campaign_are_learnt_from_and_not_paid_again(store: Path) -> None:
    file = leps_campaign(store / "heir", name="heir", store=str(store / "store"), seeding={"learn_from": "h3@1"})
    with Campaign(file) as campaign:
        for _ in range(2):
            campaign.carry_out(campaign.next_action())
        rows, given = campaign.bench.dataset(campaign.state.dataset), campaign.bench.datasets.load("h3", 1)
        keys = [rows.structure(row).key for row in range(len(rows))]
        assert len(set(keys)) == len(keys)
        assert {given.structure(row).key for row in range(len(given))} <= set(keys)
        assert campaign.state.labels_asked == campaign.state.seeded.labels + campaign.state.seeded.batch_size - _relaxed(rows)


def _relaxed(rows: object) -> int:
    return int((rows.extra["role"] == "relax").sum())  # type: ignore[attr-defined]


def test_rows_of_another_theory_are_refused(store: Path) -> None:
    keywords = {"sigma": 1.0}
    theory = {"program": "ase", "method": "lj", "basis": "none", "keywords": keywords}
    file = leps_campaign(store / "other", name="other", store=str(store / "store"), theory=theory, seeding={"learn_from": "h3@1"})
    with Campaign(file) as campaign, pytest.raises(InputError, match=r"h3@1 is of another theory than lj/none"):
        campaign.carry_out(campaign.next_action())


def test_a_leg_goes_from_minimum_to_minimum_on_what_is_left_of_the_budget(split: Path) -> None:
    with Campaign(split) as campaign:
        bench, state = campaign.bench, campaign.state
        first, second = leg_config(bench, state, 1), leg_config(bench, state, 2)
        assert first is not None and second is not None and state.seeded is not None
        assert (first.name, second.name) == ("split-leg-1", "split-leg-2")
        assert first.ends[0].key == state.seeded.reactant
        assert second.ends[0].key == first.ends[1].key == split_at(state)
        assert first.seeding.learn_from == "split@1"
        assert first.budget.labels == BUDGET["labels"] - state.labels_asked
        assert leg_config(bench, replace(state, outcome=Outcome.VERIFIED), 1) is None


def test_nobody_who_does_not_want_them_gets_legs(split: Path) -> None:
    with Campaign(split, settings=["verification.legs=false"]) as campaign:
        assert leg_file(campaign, 1) is None
        campaign.refuse_other_science()


def test_legs_are_run_once_and_stand_in_the_summary(split: Path) -> None:
    def drive(leg: Campaign, _: Path) -> None:
        leg.run()

    assert run_legs(split, (), drive, progress=NoProgress())
    with Campaign(split) as campaign:
        legs, objects = campaign.summary()["legs"], sorted(campaign.bench.objects.list(""))
        assert [leg["campaign"] for leg in legs] == ["split-leg-1", "split-leg-2"]
        assert all(leg["verdict"] in set(map(str, Outcome)) for leg in legs)
        spent = sum(leg["labels"] for leg in legs) + campaign.state.labels_asked
        assert spent <= BUDGET["labels"] + 2 * (campaign.config.seeding.relax_steps + 1)  # ends are relaxed whatever is left
    assert run_legs(split, (), drive, progress=NoProgress())
    with Campaign(split) as campaign:
        assert campaign.summary()["legs"] == legs
        assert sorted(campaign.bench.objects.list("")) == objects


def test_the_profile_adds_legs_up() -> None:
    legs = [{"reference_kcal": 40.0, "reaction_kcal": -10.0}, {"reference_kcal": 25.0, "reaction_kcal": 5.0}]
    assert profile(legs) == [
        ("reactant", 0.0),
        ("saddle 1", 40.0),
        ("intermediate", -10.0),
        ("saddle 2", 15.0),
        ("product", -5.0),
    ]
    assert profile([{"reference_kcal": None, "reaction_kcal": 1.0}]) == [("reactant", 0.0)]
