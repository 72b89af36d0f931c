"""A campaign whose store fails it: a disk that fills up, objects that are damaged, and another kind of store."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reactal.campaign.decide import Calibrate, Explore, LabelBatch, Select, Train
from reactal.errors import DamagedObject, StoreUnavailable
from reactal.runner import Campaign
from tests.campaigns import end_of, leps_campaign
from tests.store.s3_fixtures import aws_environment, moto
from tests.store.s3_servers import S3Server

__all__ = ["aws_environment", "moto"]

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

LIMITED = """
import resource, signal, sys
from reactal.cli.main import invoke
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), -1))
sys.exit(invoke(["run", sys.argv[1], "--engine", "inprocess"]))
"""
"""No file may become larger than so many bytes: the write that would make it so fails as on a full disk."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with Campaign(leps_campaign(tmp_path_factory.mktemp("undisturbed"))) as campaign:
        campaign.run()
        return end_of(campaign)


def until(campaign: Campaign, kind: type) -> None:
    """Go on until the next action is of that kind."""
    while not isinstance(action := campaign.next_action(), kind):
        campaign.carry_out(action)


@pytest.mark.parametrize("room", [500, 4000, 8000], ids=["for no campaign file", "for no dataset", "for no model"])
def test_a_full_disk_is_one_sentence_and_the_campaign_goes_on_once_there_is_room(
    room: int, tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    file = leps_campaign(tmp_path)
    command = [sys.executable, "-c", LIMITED, str(file), str(room)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"COLUMNS": "200"})
    assert done.returncode == StoreUnavailable.exit_code, done.stderr
    said = done.stderr.splitlines()[-1]
    assert re.fullmatch(r"error: object \S+ cannot be written in file://\S+ \(.+\): the object is larger .*", said), done.stderr
    assert "Traceback" not in done.stderr
    with Campaign(file) as campaign:
        campaign.run()
        assert end_of(campaign) == undisturbed


@contextmanager
def no_room() -> Iterator[None]:
    """Meanwhile nothing can be written by this process."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_journal_that_cannot_be_appended_to_stops_the_driver_and_loses_only_its_event(
    tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    file = leps_campaign(tmp_path)
    with Campaign(file) as campaign:
        until(campaign, Calibrate)  # which writes nothing but its event
        count = len(campaign.events)
        with no_room(), pytest.raises(StoreUnavailable, match=f"journal/{count:08d}.json cannot be written in file://"):
            campaign.carry_out(campaign.next_action())
        assert len(campaign.events) == count
    with Campaign(file) as campaign:
        assert len(campaign.events) == count
        campaign.run()
        assert end_of(campaign) == undisturbed


def newest(campaign: Campaign, pattern: str) -> str:
    """The key of the object that the campaign is about to read."""
    (key,) = (key for key in campaign.bench.objects.list("") if re.search(pattern, key))
    return key


DAMAGE: dict[str, tuple[type, Callable[[Campaign], str]]] = {
    "pool of the first batch": (LabelBatch, lambda c: newest(c, c.state.pending.batch)),  # type: ignore[union-attr]
    "shard of the dataset": (Train, lambda c: newest(c, r"datasets/h3/shards/")),
    "manifest of the dataset": (Train, lambda c: newest(c, r"datasets/h3/versions/1.json")),
    "weights of a model": (Explore, lambda c: newest(c, rf"{c.state.trained.model}/member-00")),  # type: ignore[union-attr]
    "path to go on from": (Explore, lambda c: newest(c, c.state.seeded.path)),  # type: ignore[union-attr]
    "pool of the exploration": (Select, lambda c: newest(c, c.state.explored.pool)),  # type: ignore[union-attr]
    "label of the reactant": (Explore, lambda c: newest(c, f"{c.state.seeded.reactant}.json")),  # type: ignore[union-attr]
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_named_and_nothing_is_built_on_it(what: str, tmp_path: Path) -> None:
    before, find = DAMAGE[what]
    file = leps_campaign(tmp_path)
    with Campaign(file) as campaign:
        until(campaign, before)
        objects, key = campaign.bench.objects, find(campaign)
        whole = objects.get(key)
        objects.put(key, whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :])
        there, events = set(objects.list("")), campaign.events
        with pytest.raises(DamagedObject, match=re.escape(key)):
            campaign.run()
        assert (campaign.events, set(objects.list(""))) == (events, there)
        objects.put(key, whole)
        campaign.carry_out(campaign.next_action())


def test_a_damaged_journal_is_named_by_whoever_opens_it(tmp_path: Path) -> None:
    file = leps_campaign(tmp_path)
    with Campaign(file) as campaign:
        until(campaign, LabelBatch)
        key = newest(campaign, "journal/00000001.json")
        campaign.bench.objects.put(key, campaign.bench.objects.get(key).replace(b"seeded", b"sieded"))
    with pytest.raises(DamagedObject, match=re.escape(key)):
        Campaign(file)


@pytest.mark.server
def test_on_s3_the_same_campaign_is_the_same(
    moto: S3Server, tmp_path: Path, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = leps_campaign(tmp_path, store=moto.new_bucket())
    with Campaign(file) as campaign:
        summary = campaign.run()
        assert end_of(campaign) == undisturbed
        assert summary["model"].startswith("s3://")
    with Campaign(file) as again:
        assert again.run() == summary
