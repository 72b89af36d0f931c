"""One driver at a time: who holds a campaign, and when it is free again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from reactal.errors import DriverConflict
from reactal.store import lease as leases
from reactal.store.holder import STALE_SECONDS
from reactal.store.lease import Lease
from reactal.store.objects import ObjectStore
from reactal.store.opening import open_store

PREFIX = "campaigns/c/drivers"
ROOT = Path(__file__).parents[2]

HOLDER = """
import sys
from reactal.store.lease import Lease
from reactal.store.opening import open_store
Lease(open_store(sys.argv[1]), sys.argv[2]).acquire()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return open_store(str(tmp_path / "store"))


def changed(store: ObjectStore, key: str, **facts: object) -> None:
    store.put(key, json.dumps({**json.loads(store.get(key)), **facts}).encode())


def keys(store: ObjectStore) -> list[str]:
    return list(store.list(""))


def test_the_second_is_refused_until_the_first_gives_it_back(store: ObjectStore) -> None:
    first, second = Lease(store, PREFIX), Lease(store, PREFIX)
    first.acquire()
    before = keys(store)
    with pytest.raises(DriverConflict, match=f"process {os.getpid()} on .* at work on {PREFIX}"):
        second.acquire()
    assert keys(store) == before
    first.release()
    second.acquire()
    with pytest.raises(DriverConflict):
        Lease(store, PREFIX).acquire()
    second.release()


def test_giving_back_twice_or_what_was_never_held_is_silent(store: ObjectStore) -> None:
    lease = Lease(store, PREFIX)
    lease.release()
    assert keys(store) == []
    lease.acquire()
    lease.release()
    before = keys(store)
    lease.release()
    assert keys(store) == before


def test_one_who_was_refused_frees_nothing(store: ObjectStore) -> None:
    first, second = Lease(store, PREFIX), Lease(store, PREFIX)
    first.acquire()
    with pytest.raises(DriverConflict):
        second.acquire()
    second.release()
    with pytest.raises(DriverConflict):
        Lease(store, PREFIX).acquire()
    first.release()


def test_leases_of_other_campaigns_are_others(store: ObjectStore) -> None:
    held = [Lease(store, PREFIX), Lease(store, "campaigns/c2/drivers")]
    for lease in held:
        lease.acquire()
    for lease in held:
        lease.release()


def test_a_killed_driver_frees_it_at_once(store: ObjectStore, tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "store"), PREFIX]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DriverConflict, match=f"process {holder.pid} "):
            Lease(store, PREFIX).acquire()
        holder.kill()
        # dead, though nobody has asked for its exit code yet
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
        lease = Lease(store, PREFIX)
        lease.acquire()
        lease.release()


def test_a_later_process_of_the_same_number_is_not_the_driver(store: ObjectStore) -> None:
    dead = Lease(store, PREFIX)
    dead.acquire()
    (held,) = (key for key in keys(store) if key.endswith(".held"))
    changed(store, held, started="1")  # our number, of a process that began at another time
    lease = Lease(store, PREFIX)
    lease.acquire()
    lease.release()


@pytest.mark.parametrize(("silent", "free"), [(STALE_SECONDS / 2, False), (STALE_SECONDS * 2, True)])
@pytest.mark.parametrize("beaten", [False, True], ids=["never beat", "beat once"])
def test_a_driver_elsewhere_counts_as_dead_after_a_long_silence(
    store: ObjectStore, silent: float, free: bool, beaten: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = Lease(store, PREFIX)
    elsewhere.acquire()
    (held,) = (key for key in keys(store) if key.endswith(".held"))
    changed(store, held, host="elsewhere")
    since = float(json.loads(store.get(held))["time"])
    if beaten:
        since += 1000.0
        store.put(held.replace(".held", ".beat"), json.dumps({"time": since}).encode())
    monkeypatch.setattr(leases.time, "time", lambda: since + silent)
    here = Lease(store, PREFIX)
    if free:
        here.acquire()
        here.release()
    else:
        with pytest.raises(DriverConflict, match="elsewhere"):
            here.acquire()


@pytest.mark.parametrize("kind", ["memory", "disk", pytest.param("s3", marks=pytest.mark.server)])
def test_of_two_at_the_same_moment_one_wins(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have seen that it is free before either has taken it."""
    url: Callable[[], str] = {
        "memory": lambda: f"memory://{uuid4().hex}",
        "disk": lambda: str(tmp_path / "store"),
        "s3": lambda: str(request.getfixturevalue("moto").new_bucket()),
    }[kind]
    store = open_store(url())
    first, second = Lease(store, PREFIX), Lease(store, PREFIX)
    nobody = second._epochs()
    first.acquire()
    monkeypatch.setattr(second, "_epochs", lambda: nobody)
    with pytest.raises(DriverConflict, match="this moment"):
        second.acquire()
    first.release()


def test_the_holder_is_seen_to_live(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.labeling.watching import until

    monkeypatch.setattr(leases, "BEAT_SECONDS", 0.01)
    lease = Lease(store, PREFIX)
    lease.acquire()
    until(lambda: any(key.endswith(".beat") for key in keys(store)), "a sign of life")
    lease.release()
