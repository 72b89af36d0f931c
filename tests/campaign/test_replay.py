"""Wherever a campaign is cut off, going on leads to the same end and pays for nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from reactal.runner import Campaign
from reactal.store.objects import ObjectStore
from reactal.store.opening import open_store
from tests.campaigns import end_of, leps_campaign

CUTS = 9  # of a campaign's writes, at equal distances

Objects = Mapping[str, bytes]


@dataclass
class RecordingStore:
    """An `ObjectStore` that remembers every change in order: any moment of its past can be had back."""

    within: ObjectStore
    changes: list[tuple[str, bytes | None]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.within.url

    def get(self, key: str) -> bytes:
        return self.within.get(key)

    def put(self, key: str, data: bytes) -> None:
        self.within.put(key, data)
        self.changes.append((key, data))

    def put_if_absent(self, key: str, data: bytes) -> bool:
        new = self.within.put_if_absent(key, data)
        if new:
            self.changes.append((key, data))
        return new

    def list(self, prefix: str) -> Iterator[str]:
        return self.within.list(prefix)

    def delete(self, key: str) -> None:
        self.within.delete(key)
        self.changes.append((key, None))

    def after(self, count: int) -> Objects:
        """What was there after so many changes; the lease is left out, as its holder is dead."""
        there: dict[str, bytes] = {}
        for key, data in self.changes[:count]:
            if data is None:
                there.pop(key, None)
            elif "/drivers/" not in key:
                there[key] = data
        return there


@dataclass(frozen=True)
class Undisturbed:
    """A campaign that ran from beginning to end, and all that it wrote on the way."""

    store: RecordingStore
    end: dict[str, Any]
    events: int

    @property
    def journal(self) -> list[int]:
        """After how many changes each event was in the journal."""
        return [number for number, (key, _) in enumerate(self.store.changes, start=1) if "/journal/" in key]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("undisturbed")
        patch.chdir(folder)
        recording = RecordingStore(open_store(f"memory://{uuid4().hex}"))
        patch.setattr("reactal.assembly.open_store", lambda url, *, single_writer: recording)
        with Campaign(leps_campaign(folder, store="memory://recorded")) as campaign:
            campaign.run()
            return Undisturbed(recording, end_of(campaign), len(campaign.events))


@pytest.fixture
def go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Objects], Campaign]:
    """Run a campaign to its end on a store that holds these objects."""
    monkeypatch.chdir(tmp_path)

    def run(objects: Objects) -> Campaign:
        url = f"memory://{uuid4().hex}"
        store = open_store(url)
        for key, data in objects.items():
            store.put(key, data)
        with Campaign(leps_campaign(tmp_path, store=url)) as campaign:
            campaign.run()
        return campaign

    return run


def test_the_undisturbed_campaign_goes_through_every_stage(undisturbed: Undisturbed) -> None:
    kinds = {event["kind"] for event in undisturbed.end["history"]}
    assert kinds >= {"started", "seeded", "labelled", "trained", "explored", "batch_chosen", "calibrated", "finished"}
    assert len(undisturbed.journal) == undisturbed.events


@pytest.mark.slow
def test_from_every_prefix_of_the_journal(undisturbed: Undisturbed, go_on: Callable[[Objects], Campaign]) -> None:
    """The journal cut short after k events, all else still there: nothing is computed again, and all ends as before."""
    everything = undisturbed.store.after(len(undisturbed.store.changes))
    for kept in range(undisturbed.events):
        again = go_on({key: data for key, data in everything.items() if "/journal/" not in key or _number(key) < kept})
        assert end_of(again) == undisturbed.end, f"after {kept} events"
        assert sum(getattr(event, "computed", 0) for event in again.events[kept:]) == 0, f"after {kept} events"
        assert _work(again.bench.objects.list("")) == _work(everything), f"after {kept} events"


@pytest.mark.slow
def test_from_between_any_two_writes(undisturbed: Undisturbed, go_on: Callable[[Objects], Campaign]) -> None:
    """The store as a kill leaves it: some of what a stage writes is there, the rest and the stage's event are not."""
    total = len(undisturbed.store.changes)
    for count in range(1, total, total // CUTS):
        again = go_on(undisturbed.store.after(count))
        assert end_of(again) == undisturbed.end, f"after {count} of {total} writes"


def _number(key: str) -> int:
    return int(key.rpartition("/")[2].removesuffix(".json"))


def _work(keys: Iterable[str]) -> set[str]:
    """Without who drove, and without the campaign's file, which names the store."""
    return {key for key in keys if "/drivers/" not in key and "/config/" not in key}
