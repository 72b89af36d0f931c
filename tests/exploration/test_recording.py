"""What is written as it comes: whole after a kill, gone on with by the same settings, refused by others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.exploration.dynamics import Plan, simulate
from reactal.exploration.guards import Guards
from reactal.exploration.recording import Stream
from tests.exploration.test_plans import Led, pairs

CALM = Guards(trust=1.0, cap=1.6, temperature_factor=1e9)
PLAN = Plan(60, 10, batch=3)
DEADLINE = 120  # seconds, for a child that shares the machine

CHILD = """
import sys, time
from pathlib import Path
from reactal.exploration.dynamics import Plan, simulate
from reactal.exploration.recording import Stream
from tests.exploration.test_plans import Led, pairs
from tests.exploration.test_recording import CALM, PLAN

class Slow(Led):
    def predict(self, frames):
        time.sleep(0.02)
        return super().predict(frames)

record = Stream(Path(sys.argv[1]), key="k", rows=6)
simulate(Slow(slope=10.0), pairs(9, temperatures=2000.0, seed=9), plan=PLAN, guards=CALM, record=record)
"""


def whole() -> Frames:
    found = simulate(Led(slope=10.0), pairs(9, temperatures=2000.0, seed=9), plan=PLAN, guards=CALM).frames
    return found[np.lexsort((found.extra["step"], found.extra["replica"]))]


def gone_on(folder: Path) -> Stream:
    record = Stream(folder, key="k", rows=6)
    replicas = pairs(9, temperatures=2000.0, seed=9)
    simulate(Led(slope=10.0), replicas, plan=PLAN, guards=CALM, record=record, ended=frozenset(record.ended))
    record.flush()
    return record


def assert_same(found: Frames, expected: Frames) -> None:
    assert found.extra["replica"].tolist() == expected.extra["replica"].tolist()
    assert found.extra["step"].tolist() == expected.extra["step"].tolist()
    assert found.positions == pytest.approx(expected.positions, abs=1e-10)


def test_a_stream_holds_what_memory_holds(tmp_path: Path) -> None:
    record = gone_on(tmp_path / "parts")
    assert_same(record.frames(), whole())
    assert [ending.replica for ending in record.endings()] == list(range(9))
    again = Stream(tmp_path / "parts", key="k")
    assert again.endings() == record.endings()
    again.close()
    assert not (tmp_path / "parts").exists()


def test_killed_and_begun_again_it_ends_with_the_same_frames(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder)], cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONPATH": "."}
    )
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end and len(list(folder.glob("part-*.parquet"))) < 3:
        assert child.poll() is None, "it ended before it was killed"
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    kept = Stream(folder, key="k").frames()
    assert 0 < len(kept) < len(whole())
    assert_same(gone_on(folder).frames(), whole())


def test_other_settings_do_not_go_on(tmp_path: Path) -> None:
    gone_on(tmp_path / "parts")
    with pytest.raises(InputError, match="other settings"):
        Stream(tmp_path / "parts", key="another")
