"""The resources of a campaign file, as the labeler gets them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from reactal.assembly import resources_of
from reactal.config import load_config, load_resolved
from reactal.errors import ConfigError
from reactal.labeling.base import LabelingResources, SizeRule
from tests.campaigns import leps_campaign

LATER = {"classes", "by_size", "ladder", "reuse_guess", "labels_per_process", "growth_mib"}
"""Settings that campaign files of the first version do not have."""


def test_the_defaults_of_the_file_are_those_of_the_labeler(tmp_path: Path) -> None:
    assert resources_of(load_config(leps_campaign(tmp_path))) == LabelingResources()


def test_rules_by_size_arrive(tmp_path: Path) -> None:
    rules = [{"atoms_from": 10, "threads": 2, "memory_mib": 2000}, {"atoms_from": 30, "threads": 8, "memory_mib": 9000}]
    config = load_config(leps_campaign(tmp_path, resources={"by_size": rules}))
    resources = resources_of(config)
    assert resources.by_size == (SizeRule(10, 2, 2000), SizeRule(30, 8, 9000))
    for atoms, threads in ((9, 1), (10, 2), (29, 2), (30, 8)):
        assert resources.for_atoms(atoms).threads == config.resources.threads_for(atoms) == threads
    assert hash(resources) == hash(resources_of(load_resolved(config.yaml().encode())))


@pytest.mark.parametrize("reuse", [True, False, "learned"])
def test_how_guesses_are_reused_arrives(tmp_path: Path, reuse: bool | str) -> None:
    config = load_config(leps_campaign(tmp_path, resources={"reuse_guess": reuse}))
    assert resources_of(config).reuse_guess == resources_of(load_resolved(config.yaml().encode())).reuse_guess == reuse


def test_another_way_to_reuse_guesses_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"resources\.reuse_guess: .* True, False or 'learned'"):
        load_config(leps_campaign(tmp_path, resources={"reuse_guess": "always"}))


def test_a_rule_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"resources\.by_size\.0\.threads"):
        load_config(leps_campaign(tmp_path, resources={"by_size": [{"atoms_from": 10, "threads": 0, "memory_mib": 2000}]}))


def test_a_file_without_the_later_settings_still_loads(tmp_path: Path) -> None:
    tree = load_config(leps_campaign(tmp_path)).canonical()
    tree["resources"] = {name: value for name, value in tree["resources"].items() if name not in LATER}
    assert resources_of(load_resolved(yaml.safe_dump(tree).encode())) == LabelingResources()
