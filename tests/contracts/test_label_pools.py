"""The contract of a `LabelPool`, on threads of this process, on Dask workers, and on those of a job of a batch system."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from distributed import Client, LocalCluster

from reactal.chem import FailureKind, Label, LabelFailure, Theory
from reactal.clusters import JobCluster
from reactal.errors import ConfigError, LabelerUnavailable
from reactal.labeling.base import LabelingResources, LabelOutcome, LabelPool
from reactal.labeling.cluster import local_cluster
from reactal.labeling.dask_pool import DaskLabelPool
from reactal.labeling.execution_log import EXECUTION_LOG
from reactal.labeling.jobs import connect_jobs, growth_by_jobs
from reactal.labeling.pool import LocalLabelPool
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from tests.labeling.batch_systems import install_pbs
from tests.labeling.molecules import hydrogen_trios, not_hydrogen, water, waters
from tests.labeling.watching import executions, is_alive, latest_pid, until

SLOTS = 2
CHEAP = 300
LEPS = Theory.parse("leps/none", program="ase")
EMT = Theory.parse("emt/none", program="ase")
PSI4 = Theory.parse("hf/sto-3g")
RESOURCES = LabelingResources(slots=SLOTS)
JOBS = JobCluster.model_validate(
    {"kind": "pbs", "cores": SLOTS, "memory": "4 GiB", "walltime": "01:00:00", "interface": "lo", "jobs": {"most": 1}}
)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("executions") / "log"


@pytest.fixture(scope="module")
def cluster(log: Path) -> Iterator[LocalCluster]:
    with local_cluster(SLOTS, environ={EXECUTION_LOG: str(log)}) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def job_client(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Workers that were submitted by a `qsub` that runs jobs here and now."""
    folder = tmp_path_factory.mktemp("batch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{install_pbs(folder / 'pbs')}:{os.environ['PATH']}")
        with connect_jobs(JOBS, 1, folder / "jobs", environ={EXECUTION_LOG: str(log)}) as client:
            yield client


@pytest.fixture
def fresh_log(log: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The execution log, emptied."""
    log.unlink(missing_ok=True)
    monkeypatch.setenv(EXECUTION_LOG, str(log))
    return log


@pytest.fixture
def labels(tmp_path: Path) -> LabelStore:
    return LabelStore(open_store(str(tmp_path / "store")))


@pytest.fixture(params=["threads", "dask", "jobs"])
def make_pool(
    request: pytest.FixtureRequest, tmp_path: Path, labels: LabelStore, fresh_log: Path
) -> Iterator[Callable[[Theory], LabelPool]]:
    """New pools of one kind that write to `labels`, closed at the end."""
    pools: list[LabelPool] = []
    client, growth = None, None
    if request.param == "dask":
        client = Client(request.getfixturevalue("cluster"), set_as_default=False)
    elif request.param == "jobs":
        client, growth = request.getfixturevalue("job_client"), growth_by_jobs(JOBS, 1, tmp_path)

    def new(theory: Theory) -> LabelPool:
        if client is None:
            pools.append(LocalLabelPool(labels, theory, RESOURCES))
        else:
            pools.append(DaskLabelPool(client, str(tmp_path / "store"), theory, RESOURCES, growth=growth))
        return pools[-1]

    yield new
    for pool in pools:
        pool.close()
    if request.param == "dask" and client is not None:
        client.close()


MakePool = Callable[[Theory], LabelPool]


def by_index(outcomes: Iterator[LabelOutcome]) -> dict[int, LabelOutcome]:
    listed = list(outcomes)
    found = {outcome.index: outcome for outcome in listed}
    assert len(found) == len(listed), "an index was answered twice"
    return found


def test_every_structure_is_answered_once_by_its_own_label(make_pool: MakePool) -> None:
    structures = hydrogen_trios(7)
    found = by_index(make_pool(LEPS).label(structures))
    assert sorted(found) == list(range(7))
    assert all(found[i].answer.structure_key == structure.key for i, structure in enumerate(structures))
    assert not any(outcome.reused for outcome in found.values())


def test_an_empty_batch_has_no_outcomes(make_pool: MakePool) -> None:
    assert list(make_pool(LEPS).label([])) == []


def test_a_label_is_in_the_store_when_it_is_returned(make_pool: MakePool, labels: LabelStore) -> None:
    structures = hydrogen_trios(5)
    for outcome in make_pool(LEPS).label(structures):
        stored = labels.get(LEPS.fingerprint, structures[outcome.index].key)
        assert isinstance(stored, Label)
        assert isinstance(outcome.answer, Label)
        assert stored.energy == outcome.answer.energy


def test_a_label_is_paid_for_once(make_pool: MakePool, fresh_log: Path) -> None:
    structures = hydrogen_trios(4)
    list(make_pool(LEPS).label(structures[:2]))
    found = by_index(make_pool(LEPS).label(structures))
    assert [found[i].reused for i in range(4)] == [True, True, False, False]
    assert Counter(str(line["key"]) for line in executions(fresh_log)) == Counter(structure.key for structure in structures)


def test_repeats_in_a_batch_are_computed_once(make_pool: MakePool, fresh_log: Path) -> None:
    first, second = hydrogen_trios(2)
    found = by_index(make_pool(LEPS).label([first, second, first, first]))
    assert sorted(found) == [0, 1, 2, 3]
    assert [found[i].reused for i in range(4)] == [False, False, True, True]
    assert len(executions(fresh_log)) == 2


def test_a_failure_does_not_stop_the_others_and_is_kept(make_pool: MakePool, labels: LabelStore) -> None:
    bad = not_hydrogen()
    found = by_index(make_pool(LEPS).label([hydrogen_trios(1)[0], bad, *hydrogen_trios(4)[1:]]))
    assert [index for index, outcome in found.items() if isinstance(outcome.answer, LabelFailure)] == [1]
    assert list(labels.failures(LEPS.fingerprint)) == [bad.key]


def test_a_stored_failure_is_tried_again(make_pool: MakePool, fresh_log: Path) -> None:
    bad = not_hydrogen()
    for _ in range(2):
        (outcome,) = make_pool(LEPS).label([bad])
        assert not outcome.reused
        assert isinstance(outcome.answer, LabelFailure)
    assert len(executions(fresh_log)) == 2


def test_another_theory_for_one_batch(make_pool: MakePool, labels: LabelStore) -> None:
    pool = make_pool(LEPS)
    (trio,) = hydrogen_trios(1)
    answers = {theory: next(iter(pool.label([trio], theory=theory))).answer for theory in (EMT, LEPS)}
    assert all(answer.theory == theory.fingerprint for theory, answer in answers.items())
    assert set(labels.theories()) == {LEPS, EMT}


def test_a_batch_may_be_left_half_way(make_pool: MakePool) -> None:
    pool = make_pool(LEPS)
    outcomes = iter(pool.label(hydrogen_trios(6)))
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]
    assert sorted(by_index(pool.label(hydrogen_trios(6)))) == list(range(6))


def test_a_theory_that_cannot_be_is_refused_at_once(make_pool: MakePool) -> None:
    with pytest.raises(ConfigError, match="orca"):
        make_pool(Theory.parse("hf/sto-3g", program="orca"))
    with pytest.raises(ConfigError, match="did you mean e_convergence"):
        make_pool(Theory.parse("hf/sto-3g", keywords={"e_convergenc": 1e-8}))


@pytest.mark.psi4
def test_a_dead_slot_has_its_structure_done_again(make_pool: MakePool, fresh_log: Path) -> None:
    structures = waters(8)
    outcomes = iter(make_pool(PSI4).label(structures))
    first = next(outcomes)
    victim = latest_pid(fresh_log)
    os.kill(victim, signal.SIGKILL)
    found = by_index(iter([first, *outcomes]))
    assert sorted(found) == list(range(8))
    assert all(isinstance(outcome.answer, Label) for outcome in found.values())
    assert len(executions(fresh_log)) <= len(structures) + 1
    assert not is_alive(victim)


@pytest.mark.psi4
def test_a_structure_that_always_kills_its_program_is_a_failure(make_pool: MakePool, fresh_log: Path) -> None:
    outcomes = iter(make_pool(Theory.parse("mp2/cc-pvtz")).label([water(0.1)]))

    def kill_every_time() -> None:
        for seen in range(RESOURCES.attempts):
            until(lambda seen=seen: len(executions(fresh_log)) > seen, "the next try")  # type: ignore[misc]
            os.kill(latest_pid(fresh_log), signal.SIGSEGV)

    killer = Thread(target=kill_every_time)
    killer.start()
    (outcome,) = outcomes
    killer.join()
    assert isinstance(outcome.answer, LabelFailure)
    assert outcome.answer.kind == FailureKind.CRASHED
    assert len(outcome.answer.attempts) == RESOURCES.attempts


@pytest.mark.psi4
def test_close_leaves_no_program_behind(make_pool: MakePool, fresh_log: Path) -> None:
    pool = make_pool(PSI4)
    list(pool.label(waters(4)))
    programs = {int(str(line["pid"])) for line in executions(fresh_log)}
    assert any(map(is_alive, programs))
    pool.close()
    until(lambda: not any(map(is_alive, programs)), "the end of the programs")


def test_cheap_labels_that_travel_together_survive_their_worker(cluster: LocalCluster, tmp_path: Path, fresh_log: Path) -> None:
    (trio,) = hydrogen_trios(1)
    structures = [trio.moved(trio.positions * (1 + 0.001 * number)) for number in range(CHEAP)]
    with Client(cluster, set_as_default=False) as client:
        outcomes = iter(DaskLabelPool(client, str(tmp_path / "store"), LEPS, RESOURCES).label(structures))
        begun = [next(outcomes) for _ in range(CHEAP // 4)]
        os.kill(latest_pid(fresh_log), signal.SIGKILL)
        found = by_index(iter([*begun, *outcomes]))
    assert sorted(found) == list(range(CHEAP))
    assert all(isinstance(outcome.answer, Label) for outcome in found.values())
    assert len(executions(fresh_log)) <= CHEAP + SLOTS, "what a dead worker had written is not computed again"


def test_dask_workers_cannot_share_a_store_in_memory(cluster: LocalCluster) -> None:
    with Client(cluster, set_as_default=False) as client, pytest.raises(ConfigError, match="cannot reach the store memory://"):
        DaskLabelPool(client, "memory://here", LEPS)


def test_a_cluster_without_label_slots_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reactal.labeling.dask_pool.WORKER_SECONDS", 1.0)
    with (
        LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
        pytest.raises(LabelerUnavailable, match="resources"),
    ):
        list(DaskLabelPool(client, str(tmp_path), LEPS).label(hydrogen_trios(1)))
