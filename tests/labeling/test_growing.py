"""Workers of this machine that come with the work, go without it, and are replaced when they have filled their memory."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from reactal.clusters import LocalCluster
from reactal.config import load_config, load_resolved, science_changes
from reactal.labeling.cluster import LABEL_SLOT
from reactal.labeling.growing import connect_growing, growth_of_workers
from tests.campaigns import leps_campaign

SECTION = LocalCluster.model_validate({"kind": "local", "workers": {"least": 0, "most": 2}, "memory": "600 MiB"})
PATIENCE = 240.0


def fill_memory_once(sign: str) -> int:
    """The first time, far more than a worker may have; after that its process."""
    if not Path(sign).exists():
        Path(sign).write_text("tried")
        hoard = []
        while True:
            hoard.append(os.urandom(20_000_000))
            time.sleep(0.05)
    return os.getpid()


@pytest.mark.slow
def test_workers_come_are_replaced_and_go(tmp_path: Path) -> None:
    with connect_growing(SECTION, 2) as client:
        assert client.scheduler_info()["workers"] == {}
        future = client.submit(fill_memory_once, str(tmp_path / "sign"), resources={LABEL_SLOT: 1}, pure=False)
        assert isinstance(future.result(timeout=PATIENCE), int), "another worker did it"
        assert (tmp_path / "sign").is_file()
        assert 1 <= len(client.scheduler_info()["workers"]) <= 2
        del future
        deadline = time.monotonic() + PATIENCE
        while client.scheduler_info()["workers"]:
            assert time.monotonic() < deadline, "workers without work stay"
            time.sleep(0.2)


def test_the_section_is_stored_and_no_science(tmp_path: Path) -> None:
    config = load_config(leps_campaign(tmp_path, cluster=SECTION.model_dump(mode="json")))
    assert load_resolved(config.yaml().encode()).cluster == SECTION
    assert science_changes(load_config(leps_campaign(tmp_path)), config) == []
    growth = growth_of_workers(SECTION)
    assert growth is not None and growth.most_slots == 2
    assert growth_of_workers(LocalCluster(kind="local")) is None
