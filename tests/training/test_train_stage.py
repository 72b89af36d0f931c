"""The stage that trains: what the campaign file says of starts and checkpoints reaches the members."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reactal.campaign.decide import Train
from reactal.config import load_config, science_changes
from reactal.potentials.committee import Committee
from reactal.potentials.export import load_committee
from reactal.runner import Campaign
from reactal.stages.train import train
from reactal.training.seeds import derive_seed
from tests.campaigns import leps_campaign


def trained(folder: Path, **training: Any) -> Campaign:
    """A campaign that has just trained its first committee."""
    campaign = Campaign(leps_campaign(folder, training={"steps_first": 20, "steps_warm": 6, **training}))
    while not isinstance(action := campaign.next_action(), Train):
        campaign.carry_out(action)
    campaign.carry_out(action)
    return campaign


def committee(campaign: Campaign, identity: str) -> Committee:
    return load_committee(campaign.bench.models.get(identity))


def test_every_so_many_rounds_training_is_from_scratch(tmp_path: Path) -> None:
    with trained(tmp_path, scratch_every=2) as campaign:
        seeds = {number: tuple(derive_seed(0, "train", number, member) for member in range(2)) for number in range(3)}
        folds = {
            number: committee(campaign, train(campaign.bench, campaign.state, iteration=number).model).folds for number in (1, 2)
        }
    assert folds == {1: seeds[0], 2: seeds[2]}, "a warm one keeps the fold of the first"


def test_checkpoints_are_no_science_and_all_else_is(tmp_path: Path) -> None:
    plain = load_config(leps_campaign(tmp_path))
    assert science_changes(plain, load_config(leps_campaign(tmp_path, training={"checkpoint_steps": 5}))) == []
    (change,) = science_changes(plain, load_config(leps_campaign(tmp_path, training={"loss": "huber"})))
    assert change == 'training.loss: "squared" -> "huber"'
