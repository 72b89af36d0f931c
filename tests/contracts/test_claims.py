"""Saying what is being computed: seen by everybody else, gone with its holder."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from reactal.store.claims import Claims
from reactal.store.holder import STALE_SECONDS, this_process
from reactal.store.objects import ObjectStore
from reactal.store.opening import open_store
from tests.contracts.conftest import MANY_PROCESSES

KEY = ("theory", "structure")
ROOT = Path(__file__).parents[2]

HOLDER = """
import sys
from reactal.store.claims import Claims
from reactal.store.opening import open_store
with Claims(open_store(sys.argv[1])).held(*sys.argv[2:]) as mine:
    print(mine, flush=True)
    sys.stdin.read()
"""


def test_one_has_it_until_it_lets_go(shared_store: ObjectStore) -> None:
    one, other = Claims(shared_store), Claims(shared_store)
    with one.held(*KEY) as mine:
        assert mine
        assert other.is_taken(*KEY) and not one.is_taken(*KEY)
        with other.held(*KEY) as theirs:
            assert not theirs
        assert other.is_taken(*KEY)  # who did not get it does not free it
        assert not other.is_taken("theory", "another")
    assert not other.is_taken(*KEY)
    assert list(shared_store.list("claims/")) == []


def test_it_is_freed_when_the_work_fails(shared_store: ObjectStore) -> None:
    with pytest.raises(ArithmeticError), Claims(shared_store).held(*KEY):
        raise ArithmeticError
    with Claims(shared_store).held(*KEY) as mine:
        assert mine


@pytest.mark.parametrize("kind", MANY_PROCESSES)
def test_of_a_killed_process_it_is_void_at_once(kind: str, fresh_url: Callable[[str], str]) -> None:
    url = fresh_url(kind)
    claims = Claims(open_store(url))
    command = [sys.executable, "-c", HOLDER, url, *KEY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "True\n"
        assert claims.is_taken(*KEY)
        process.kill()
    assert not claims.is_taken(*KEY)
    with claims.held(*KEY) as mine:
        assert mine


@pytest.mark.parametrize(("silent", "taken"), [(STALE_SECONDS / 2, True), (STALE_SECONDS * 2, False)])
def test_on_another_machine_it_is_void_after_a_long_silence(shared_store: ObjectStore, silent: float, taken: bool) -> None:
    there = {**this_process(), "host": "another", "token": "theirs", "time": time.time() - silent}
    shared_store.put("claims/theory/structure", json.dumps(there).encode())
    assert Claims(shared_store).is_taken(*KEY) is taken
    with Claims(shared_store).held(*KEY) as mine:
        assert mine is not taken


def test_it_is_renewed_as_long_as_it_is_held(shared_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reactal.store.claims.BEAT_SECONDS", 0.02)
    with Claims(shared_store).held(*KEY):
        first = json.loads(shared_store.get("claims/theory/structure"))["time"]
        end = time.monotonic() + 30
        while json.loads(shared_store.get("claims/theory/structure"))["time"] == first:
            assert time.monotonic() < end, "no beat"
            time.sleep(0.01)
    assert "claim" not in [thread.name for thread in threading.enumerate()]
    assert list(shared_store.list("claims/")) == []
