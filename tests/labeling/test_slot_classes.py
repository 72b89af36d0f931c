"""Slots that differ in memory and threads: labels go to those that have room for them, and all of them are kept busy."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from reactal.assembly import resources_of
from reactal.chem import Attempt, Label, Structure, Theory
from reactal.clusters import JobCluster
from reactal.config import load_config
from reactal.errors import ConfigError, LabelerUnavailable
from reactal.labeling import dask_pool, psi4_process
from reactal.labeling.base import LabelingResources, LabelPool, SlotKind
from reactal.labeling.cluster import LABEL_SLOT, local_cluster, slot_name
from reactal.labeling.connection import require_cluster
from reactal.labeling.cost import CostModel
from reactal.labeling.dask_pool import DaskLabelPool
from reactal.labeling.execution_log import EXECUTION_LOG
from reactal.labeling.packing import LongestFirst
from reactal.labeling.pool import LocalLabelPool, slot_count
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from tests.campaigns import leps_campaign
from tests.labeling.molecules import hydrogens, waters
from tests.labeling.test_cluster_section import SLURM
from tests.labeling.watching import executions

SMALL, LARGE = SlotKind(slots=1, threads=1, memory_mib=400), SlotKind(slots=1, threads=2, memory_mib=900)
CLASSES = LabelingResources(classes=(LARGE, SMALL))
QUICK = Theory.parse("hf/sto-3g")
GOAL = 1.1  # of the lower bound


def chain(carbons: int, shift: float = 0.0) -> Structure:
    return Structure.from_symbols("C" * carbons, [[1.3 * i + shift * (i > 0), 0.0, 0.0] for i in range(carbons)])


def with_memory(structure: Structure, mib: float, *, seconds: float = 1.0) -> Label:
    attempt = Attempt(seconds=seconds, memory_mib=mib)
    return Label(structure.key, QUICK.fingerprint, -1.0, np.zeros((len(structure), 3)), attempts=(attempt,))


# -- the campaign file ------------------------------------------------------------------------------------------------------


def test_classes_of_a_campaign_file_arrive_the_smallest_first(tmp_path: Path) -> None:
    given = [{"slots": 1, "threads": 4, "memory_mib": 16000}, {"slots": 6, "threads": 1, "memory_mib": 2000}]
    resources = resources_of(load_config(leps_campaign(tmp_path, resources={"classes": given})))
    assert resources.kinds == (SlotKind(6, 1, 2000), SlotKind(1, 4, 16000))
    assert slot_count(resources) == 7
    assert resources.of_kind(resources.kinds[1]) == LabelingResources(slots=1, threads=4, memory_mib=16000)
    assert LabelingResources().of_kind(LabelingResources().kinds[0]) == LabelingResources()


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"classes": [{"slots": 0, "threads": 1, "memory_mib": 2000}]}, r"resources\.classes\.0\.slots"),
        ({"classes": [{"slots": 1, "threads": 1, "memory_mib": 20}]}, r"resources\.classes\.0\.memory_mib"),
        ({"classes": [{"slots": 1, "threads": 1, "memory_mib": 900}] * 2}, "two of the classes"),
        (
            {
                "classes": [{"slots": 1, "threads": 1, "memory_mib": 900}],
                "by_size": [{"atoms_from": 9, "threads": 2, "memory_mib": 900}],
            },
            "classes and by_size both",
        ),
        ({"memory_mib": 100}, "at least 200, or 0"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path: Path, section: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(leps_campaign(tmp_path, resources=section))


def test_a_cluster_of_jobs_has_slots_of_one_kind() -> None:
    with pytest.raises(ConfigError, match=r"resources\.classes: the workers of cluster\.kind slurm are all alike"):
        require_cluster(JobCluster.model_validate(SLURM), CLASSES)


# -- the queue --------------------------------------------------------------------------------------------------------------


def learnt(structures: list[Structure]) -> CostModel:
    """Memory that grows as the cube of the number of atoms, from 200 MiB to 2 GiB and more."""
    model = CostModel()
    for structure in structures:
        size = len(structure)
        model.learn(structure, with_memory(structure, 200 + 0.25 * size**3, seconds=size**3 / 1000))
    return model


def test_a_label_waits_for_a_slot_that_has_the_memory() -> None:
    small, large = chain(4), chain(16)
    queue = LongestFirst(
        {one.key: one for one in (small, large)}, learnt([chain(size) for size in range(3, 18)]), (800.0, 2000.0)
    )
    assert queue.pop(0) == small.key
    assert not queue.has(0)
    with pytest.raises(IndexError):
        queue.pop(0)
    assert queue.has(1)
    assert queue.pop(1) == large.key


def test_what_no_slot_has_room_for_goes_to_the_largest_and_what_proved_too_large_goes_up() -> None:
    huge, small = chain(18), chain(4)
    queue = LongestFirst({one.key: one for one in (huge, small)}, learnt([chain(size) for size in range(3, 18)]), (500.0, 900.0))
    assert queue.pop(0) == small.key
    assert queue.put_up(small.key, 0)
    assert not queue.has(0)
    assert [queue.pop(1), queue.pop(1)] == [small.key, huge.key]
    assert not queue.put_up(small.key, 1), "there is no larger class"


def test_mixed_slots_are_all_busy_and_finish_together() -> None:
    """Simulated: 12 small slots and 4 large ones, 400 labels, an eighth of which only the large ones have room for."""
    random = np.random.default_rng(0)
    sizes = np.where(random.uniform(size=400) < 1 / 8, random.integers(14, 18, 400), random.integers(4, 12, 400))
    structures = {one.key: one for one in (chain(int(size), 1e-3 * number) for number, size in enumerate(sizes))}
    seconds = {key: len(one) ** 3 * float(np.exp(random.normal(0, 0.2))) for key, one in structures.items()}
    queue = LongestFirst(structures, learnt([chain(size) for size in range(3, 18)]), (800.0, 4000.0))
    levels = [0] * 12 + [1] * 4
    on_large, free, ends = 0.0, [(0.0, number) for number in range(len(levels))], []
    heapq.heapify(free)
    while free:
        now, number = heapq.heappop(free)
        ends.append(now)
        if not queue.has(levels[number]):
            continue
        key = queue.pop(levels[number])
        assert levels[number] or len(structures[key]) < 12, "a label without the memory that it needs"
        on_large += seconds[key] if len(structures[key]) >= 12 else 0.0
        heapq.heappush(free, (now + seconds[key], number))
    assert not len(queue)
    assert max(ends) <= GOAL * max(sum(seconds.values()) / len(levels), on_large / 4, max(seconds.values()))


# -- pools ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["threads", "dask"])
def pool(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LabelPool]:
    """Of one small and one large slot, with labels in the store from which follows that water needs the large one."""
    log, store = tmp_path / "log", str(tmp_path / "store")
    monkeypatch.setenv(EXECUTION_LOG, str(log))
    labels = LabelStore(open_store(store))
    for structure in hydrogens(24)[4:]:  # so many that the labels of a test do not outweigh them
        labels.put(with_memory(structure, 180.0), structure)
    for structure in waters(26)[6:]:
        labels.put(with_memory(structure, 600.0), structure)
    if request.param == "threads":
        made: LabelPool = LocalLabelPool(labels, QUICK, CLASSES)
        yield made
        made.close()
        return
    with local_cluster(0, classes=CLASSES.classes) as cluster, Client(cluster, set_as_default=False) as client:
        made = DaskLabelPool(client, store, QUICK, CLASSES)
        yield made
        made.close()


@pytest.mark.psi4
def test_labels_that_need_more_memory_go_only_where_it_is(pool: LabelPool, tmp_path: Path) -> None:
    structures = [*hydrogens(4), *waters(4)]
    given: dict[str, set[str]] = defaultdict(set)
    threads = {}
    for outcome in pool.label(structures):
        assert isinstance(outcome.answer, Label), outcome.answer
        threads[outcome.index] = outcome.threads
        for line in executions(tmp_path / "log"):
            command = Path(f"/proc/{line['pid']}/cmdline").read_text().split("\0")
            given[str(line["key"])].add(command[command.index("--memory-mib") + 1])
    assert all(given[structure.key] == {"900"} for structure in structures[4:])
    assert all(threads[index] == 2 for index in range(4, 8))
    assert sorted(threads) == list(range(8))
    if isinstance(pool, LocalLabelPool):
        assert any(given[structure.key] == {"400"} for structure in structures[:4]), "the small slot had nothing to do"


@pytest.mark.psi4
def test_a_label_that_was_too_large_for_its_slot_goes_to_a_larger_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psi4_process, "MEMORY_FACTOR", 0.0)
    monkeypatch.setattr(psi4_process, "LOOK_SECONDS", 0.05)
    original = psi4_process.Psi4Process.__init__

    def tight(self: psi4_process.Psi4Process, resources: LabelingResources) -> None:
        original(self, resources)
        self._limit_mib = 50.0 if resources.threads == 1 else math.inf

    monkeypatch.setattr(psi4_process.Psi4Process, "__init__", tight)
    pool = LocalLabelPool(LabelStore(open_store(str(tmp_path))), Theory.parse("mp2/cc-pvtz"), CLASSES)
    found = list(pool.label(waters(2)))
    pool.close()
    assert all(isinstance(outcome.answer, Label) for outcome in found)
    assert {outcome.threads for outcome in found} == {LARGE.threads}


def test_a_cluster_that_lacks_a_class_says_how_to_start_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_pool, "WORKER_SECONDS", 1.0)
    leps = Theory.parse("leps/none", program="ase")
    with (
        local_cluster(0, classes=[SMALL]) as cluster,
        Client(cluster, set_as_default=False) as client,
        pytest.raises(LabelerUnavailable, match=rf'--resources "{slot_name(LARGE)}=1"'),
    ):
        list(DaskLabelPool(client, str(tmp_path), leps, CLASSES).label(waters(1)))
    assert slot_name(LARGE) == f"{LABEL_SLOT}-2x900"
