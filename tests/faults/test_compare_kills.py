"""A comparison that is killed in the middle: it goes on, and nothing finished is trained again."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from reactal.contest import open_contest
from tests.comparison.contests import request

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
PATIENCE = 240.0  # seconds for the first rounds of a small comparison on a busy machine


def records(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every finished round with when it was written, in nanoseconds."""
    found = sorted((folder / "out").glob(".reactal/store/comparisons/*/s*/**/[0-9]*.json"))
    return {str(file.relative_to(folder)): (file.stat().st_mtime_ns, file.read_bytes()) for file in found}


def test_a_killed_comparison_goes_on(tmp_path: Path) -> None:
    asked = request(tmp_path, strategies=("farthest",))
    options = {"--test": asked.tests[0], "--out": asked.out, "--campaign": asked.campaign, "--strategies": "farthest"}
    numbers = {"--seeds": 2, "--start": 6, "--batch": 4, "--rounds": 2, "--steps": 8, "--cluster": "none", "--tracking": "none"}
    words = [str(word) for pair in (options | numbers).items() for word in pair]
    command = [sys.executable, "-m", "reactal.cli.main", "compare", asked.pool, *words, "--engine", "inprocess", "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + PATIENCE
            while len(records(tmp_path)) < 4:
                assert process.poll() is None and time.monotonic() < deadline, "it ended or hung before it was killed"
                time.sleep(0.02)
        finally:
            process.kill()
    before = records(tmp_path)
    assert 4 <= len(before) < 10, "two starts and two rounds of two strategies with two seeds each make the whole"
    with open_contest(asked) as driver:
        driver.compete()
        after = records(tmp_path)
        assert {name: after[name] for name in before} == before, "finished rounds are as they were"
        assert len(after) == 10
