"""Labelling on a store that fails: now and then, or for good while a label is being computed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reactal.chem import Label, Structure
from reactal.errors import StoreUnavailable
from reactal.labeling.base import LabelingResources
from reactal.labeling.execution_log import EXECUTION_LOG
from reactal.labeling.pool import LocalLabelPool
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from tests.faults.label_driver import THEORY
from tests.labeling.molecules import waters
from tests.labeling.watching import executions, until
from tests.store.s3_fixtures import aws_environment, moto, proxy
from tests.store.s3_servers import Proxy, S3Server

__all__ = ["aws_environment", "moto", "proxy"]

pytestmark = [pytest.mark.psi4, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
COUNT = 8
LABELS = r"/labels/[0-9a-f]+/[0-9a-f]{2}/"  # and nothing else that is written


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv(EXECUTION_LOG, str(tmp_path / "executions"))
    return tmp_path / "executions"


@pytest.fixture
def url(moto: S3Server, proxy: Proxy) -> str:
    return moto.new_bucket().replace(moto.endpoint, proxy.endpoint)


@pytest.fixture
def pool(url: str) -> Iterator[LocalLabelPool]:
    made = LocalLabelPool(LabelStore(open_store(url)), THEORY, LabelingResources(slots=1))
    yield made
    made.close()


def labelled(pool: LocalLabelPool, structures: list[Structure]) -> list[tuple[bool, bool]]:
    """Whether each is a label, and reused."""
    return [(isinstance(outcome.answer, Label), outcome.reused) for outcome in pool.label(structures)]


@pytest.mark.parametrize("kind", ["threads", "dask"])
def test_a_store_that_fails_one_request_in_five_costs_time_and_no_label(kind: str, url: str, proxy: Proxy, log: Path) -> None:
    proxy.every = 5
    command = [sys.executable, "-m", "tests.faults.label_driver", kind, url, str(COUNT), "500"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ.copy(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(COUNT), "0"]
    assert proxy.faults >= COUNT
    proxy.every = 0
    assert len(executions(log)) == COUNT
    assert {*LabelStore(open_store(url)).keys(THEORY.fingerprint)} == {structure.key for structure in waters(COUNT)}
    assert list(open_store(url).list("claims/")) == []


def test_a_slow_store_costs_time_and_no_label(pool: LocalLabelPool, proxy: Proxy, log: Path) -> None:
    proxy.plan = [("PUT", "slow")] * 3 * COUNT  # each waits longer than the label takes
    assert labelled(pool, waters(COUNT)) == [(True, False)] * COUNT
    assert len(proxy.plan) < 2 * COUNT, "the store was not slow"
    assert len(executions(log)) == COUNT


def test_a_label_that_cannot_be_written_is_kept_and_never_paid_twice(
    pool: LocalLabelPool, url: str, proxy: Proxy, log: Path, tmp_path: Path
) -> None:
    first, second = waters(2)
    assert labelled(pool, [first]) == [(True, False)]
    proxy.refuses = LABELS
    with pytest.raises(StoreUnavailable, match=r"is kept in .*state/reactal/unsent/.* and goes to the store with the next run"):
        labelled(pool, [second])
    with pytest.raises(StoreUnavailable):  # it still is not there
        labelled(pool, [second])
    assert len(executions(log)) == 2
    proxy.refuses = ""
    assert labelled(pool, [first, second]) == [(True, True), (True, True)]
    assert len(executions(log)) == 2
    assert not [path for path in (tmp_path / "state").rglob("*.json") if path.is_file()]


def test_what_another_campaign_computes_is_put_off(tmp_path: Path, log: Path) -> None:
    theirs, *ours = waters(3)
    objects = open_store(str(tmp_path / "store"))
    labels = LabelStore(objects)
    pool = LocalLabelPool(labels, THEORY, LabelingResources(slots=1))
    try:
        with labels.claims().held(THEORY.fingerprint, theirs.key) as mine:  # another campaign's, which never ends it
            assert mine
            computed = pool.label([theirs, *ours])
            keys = [next(computed).answer.structure_key for _ in ours]
            assert keys == [structure.key for structure in ours]
        until(lambda: not list(objects.list("claims/")), "the end of the claim", deadline_s=10.0)
        assert [outcome.answer.structure_key for outcome in computed] == [theirs.key]
    finally:
        pool.close()
    assert len(executions(log)) == 3


def test_a_damaged_label_that_waits_is_computed_again(pool: LocalLabelPool, proxy: Proxy, log: Path, tmp_path: Path) -> None:
    (water,) = waters(1)
    proxy.refuses = LABELS
    with pytest.raises(StoreUnavailable, match="is kept"):
        labelled(pool, [water])
    (waiting,) = (tmp_path / "state").rglob(f"{water.key}.json")
    waiting.write_bytes(waiting.read_bytes()[:-40])
    proxy.refuses = ""
    assert labelled(pool, [water]) == [(True, False)]
    assert len(executions(log)) == 2
