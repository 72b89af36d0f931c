"""The stage that trains: what the campaign file says of starts and checkpoints reaches the members."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import pytest
import torch

from reactal.campaign.decide import Train
from reactal.config import load_config, science_changes
from reactal.errors import ConfigError
from reactal.potentials.committee import Committee
from reactal.potentials.export import load_committee, read_committee, write_committee
from reactal.runner import Campaign
from reactal.stages.train import train
from reactal.training.seeds import derive_seed
from tests.campaigns import leps_campaign


@final
class Heard:
    """A `Progress` that remembers what the stages said at their ends."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def begin(self, stage: str, *, total: int | None = None) -> None: ...

    def update(self, done: int, facts: Mapping[str, str | int | float] | None = None) -> None: ...

    def end(self, summary: str) -> None:
        self.said.append(summary)


def trained(folder: Path, *, heard: Heard | None = None, found: Mapping[str, bytes] | None = None, **training: Any) -> Campaign:
    """A campaign that has just trained its first committee; `found` lay in its store when training began."""
    file = leps_campaign(folder, training={"steps_first": 20, "steps_warm": 6, **training})
    campaign = Campaign(file, progress=heard or Heard())
    while not isinstance(action := campaign.next_action(), Train):
        campaign.carry_out(action)
    for key, data in (found or {}).items():
        campaign.bench.objects.put(key, data)
    campaign.carry_out(action)
    return campaign


def committee(campaign: Campaign, identity: str) -> Committee:
    return load_committee(campaign.bench.models.get(identity))


def test_starts_and_checkpoints_of_a_campaign(tmp_path: Path) -> None:
    with trained(tmp_path / "first", scratch_every=2) as first:
        assert first.state.trained is not None
        start = committee(first, first.state.trained.model)
        write_committee(tmp_path / "model", start)
        warm, anew = (committee(first, train(first.bench, first.state, iteration=number).model) for number in (1, 2))
        assert warm.folds == start.folds, "each goes on with the rows it never saw"
        assert anew.folds == tuple(derive_seed(0, "train", 2, member) for member in range(2)), "from scratch"
    keeping = {"start_from": "../model", "transfer": "features", "checkpoint_steps": 3}
    heard, damaged = Heard(), f"campaigns/h3/checkpoints/0/1/00-{9:09d}-{'0' * 64}.safetensors"
    with trained(tmp_path / "second", heard=heard, found={damaged: b"half a state"}, **keeping) as second:
        assert second.state.trained is not None
        own = committee(second, second.state.trained.model)
        assert own.about["start_from"] == str(tmp_path / "model")
        for mine, theirs in zip(own.networks, start.networks, strict=True):
            for name, value in mine.representation.named_parameters():
                assert torch.equal(value, theirs.representation.get_parameter(name))
            assert not torch.equal(mine.outnet[0].weight, theirs.outnet[0].weight)
        assert heard.said[-1].endswith(f"; member 1: the checkpoint {damaged} is damaged; member 1: training started anew")
        assert [name for name in second.bench.objects.list("campaigns/") if "/checkpoints/" in name] == []


def test_many_labels_are_streamed_from_files_that_are_gone_afterwards(tmp_path: Path) -> None:
    with trained(tmp_path, stream_from=5) as campaign:
        event = campaign.state.trained
        assert event is not None and event.rows >= 5
        assert len(committee(campaign, event.model).networks) == 2
        assert [name for name in campaign.bench.objects.list("campaigns/") if "/training/" in name] == []


def test_checkpoints_are_no_science_and_all_else_is(tmp_path: Path) -> None:
    plain = load_config(leps_campaign(tmp_path))
    assert science_changes(plain, load_config(leps_campaign(tmp_path, training={"checkpoint_steps": 5}))) == []
    (change,) = science_changes(plain, load_config(leps_campaign(tmp_path, training={"loss": "huber"})))
    assert change == 'training.loss: "squared" -> "huber"'
    with pytest.raises(ConfigError, match="needs start_from"):
        load_config(leps_campaign(tmp_path, training={"transfer": "gradual"}))


def test_reactal_train_starts_from_a_model(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from reactal.chem.convert import write_frames
    from reactal.cli.main import invoke
    from tests.potentials.surface import METHANOL, committee_of_random_networks, labelled

    write_committee(tmp_path / "model", committee_of_random_networks())
    write_frames(tmp_path / "labelled.extxyz", labelled(METHANOL, count=12))
    words = ["train", str(tmp_path / "labelled.extxyz"), "--members", "2", "--steps", "2", "--hold-out", "0"]
    start = ["--from", str(tmp_path / "model")]
    assert invoke([*words, "--out", str(tmp_path / "out"), *start, "--transfer", "features"]) == 0
    own, theirs = read_committee(tmp_path / "out"), read_committee(tmp_path / "model")
    assert own.about["start_from"] == start[1]
    assert torch.equal(own.networks[1].representation.embedding.weight, theirs.networks[1].representation.embedding.weight)
    for wrong in (["--transfer", "features"], [*start, "--transfer", "halfway"]):
        assert invoke([*words, "--out", str(tmp_path / "no"), *wrong]) == 2
        assert "full, features, gradual" in capfd.readouterr().err
