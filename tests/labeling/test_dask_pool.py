"""What a Dask slot does by itself: it has its next label, and compares guesses when nothing else is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from reactal.chem import Label, Structure, Theory
from reactal.errors import LabelerUnavailable
from reactal.labeling.base import LabelingResources
from reactal.labeling.cluster import local_cluster
from reactal.labeling.dask_pool import DaskLabelPool
from reactal.labeling.execution_log import EXECUTION_LOG
from reactal.labeling.psi4_worker.neighbours import SAMPLE
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from tests.labeling.molecules import hydrogen_trios, waters
from tests.labeling.test_guess_reuse import QUICK, SAME, labels
from tests.labeling.watching import executions, until

LEPS = Theory.parse("leps/none", program="ase")
LARGER = Theory.parse("hf/6-31g*")
ONE = LabelingResources(slots=1)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("executions") / "log"


@pytest.fixture(scope="module")
def client(log: Path) -> Iterator[Client]:
    """Of one slot."""
    with local_cluster(1, environ={EXECUTION_LOG: str(log)}) as cluster, Client(cluster, set_as_default=False) as client:
        yield client


def test_a_slot_goes_on_while_nobody_takes_its_label(client: Client, log: Path, tmp_path: Path) -> None:
    outcomes = DaskLabelPool(client, str(tmp_path), LEPS, ONE).label(hydrogen_trios(5))
    first = next(outcomes)
    until(lambda: len(executions(log)) >= 2, "the label that the slot holds", deadline_s=10.0)
    found = [first, *outcomes]
    assert sorted(outcome.index for outcome in found) == list(range(5))
    assert len(executions(log)) == 5


@pytest.mark.psi4
def test_a_state_that_is_not_the_lowest_is_put_right_before_it_is_handed_out(client: Client, tmp_path: Path) -> None:
    """As on threads: two states of C2 cross near 1.5 angstrom; its orbitals follow the upper one."""
    path = [Structure.from_symbols("CC", [[0.0, 0.0, 0.0], [0.0, 0.0, 1.45 + 0.03 * number]]) for number in range(SAMPLE + 2)]
    fresh, resources = labels(path[SAMPLE:], QUICK, reuse=False), LabelingResources(slots=1, reuse_guess=True)
    pool = DaskLabelPool(client, str(tmp_path), QUICK, resources)
    found = {outcome.index: outcome.answer for outcome in pool.label(path)}
    pool.close()
    late = [found[number] for number in range(SAMPLE, len(path))]
    assert all(isinstance(label, Label) for label in late)
    excess = np.array([other.energy - one.energy for one, other in zip(fresh, late, strict=True)])  # type: ignore[union-attr]
    assert excess.max() < SAME
    replaced = {entry.structure.key for entry, _ in LabelStore(open_store(str(tmp_path))).superseded(QUICK.fingerprint)}
    assert replaced == {structure.key for structure in path[SAMPLE:]}


@pytest.mark.psi4
def test_a_cluster_that_lost_all_its_workers_for_good_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reactal.labeling.dask_pool.GONE_SECONDS", 0.5)
    monkeypatch.setattr("reactal.labeling.dask_pool.ASK_SECONDS", 0.2)
    with local_cluster(1) as cluster, Client(cluster, set_as_default=False) as client:
        outcomes = DaskLabelPool(client, str(tmp_path), LARGER, ONE).label(waters(60))
        next(outcomes)
        cluster.scale(0)
        with pytest.raises(LabelerUnavailable, match=r"all workers of the Dask cluster .* have been gone for"):
            list(outcomes)
    assert 0 < len(list(LabelStore(open_store(str(tmp_path))).keys(LARGER.fingerprint))) < 60
