"""Data sets: versions that never change, share their rows, and name what is damaged."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reactal.chem.frames import Frames
from reactal.chem.structure import Structure
from reactal.errors import DamagedObject, InputError, ObjectNotFound
from reactal.store.datasets import DatasetStore
from reactal.store.manifest import DatasetVersion
from reactal.store.memory import MemoryStore
from reactal.store.objects import ObjectStore
from reactal.store.opening import open_store
from tests.store.s3_servers import S3Server
from tests.store.samples import THEORY, label_of, labelled, waters

ROWS = 8  # of a shard here, so that a few frames make several


@pytest.fixture(params=["memory", "disk", pytest.param("s3", marks=pytest.mark.server)])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "s3":
        moto: S3Server = request.getfixturevalue("moto")
        return open_store(moto.new_bucket())
    return MemoryStore() if request.param == "memory" else open_store(str(tmp_path))


@pytest.fixture
def datasets(objects: ObjectStore) -> DatasetStore:
    return DatasetStore(objects, shard_rows=ROWS)


def columns(frames: Frames) -> Mapping[str, Any]:
    own = ("numbers", "positions", "offsets", "charge", "multiplicity", "energy", "forces", "cell", "pbc")
    return {**{name: getattr(frames, name) for name in own}, **frames.extra}


def assert_same(first: Frames, second: Frames) -> None:
    """Bit by bit."""
    mine, theirs = columns(first), columns(second)
    assert list(mine) == list(theirs)
    for name, column in mine.items():
        if column is None:
            assert theirs[name] is None, name
        else:
            np.testing.assert_array_equal(column, theirs[name], err_msg=name, strict=column.dtype.kind != "U")


def shards_in(objects: ObjectStore) -> dict[str, bytes]:
    return {key: objects.get(key) for key in objects.list("datasets/water/shards/")}


def test_frames_come_back_bit_by_bit(datasets: DatasetStore) -> None:
    frames = labelled(20)
    made = datasets.commit(
        "water", frames, theory=THEORY.fingerprint, split={"train": range(15), "test": [19, 16]}, lineage={"by": "me"}
    )
    assert_same(datasets.load("water"), frames)
    assert datasets.show("water") == made
    assert (made.version, made.rows, [shard.rows for shard in made.shards]) == (1, 20, [8, 8, 4])
    assert (made.split["test"], made.lineage, made.theory, made.parent) == ((19, 16), {"by": "me"}, THEORY.fingerprint, None)


def test_a_version_that_grew_writes_only_the_new_rows(datasets: DatasetStore, objects: ObjectStore) -> None:
    frames = labelled(30)
    first = datasets.commit("water", frames[:10])
    before = shards_in(objects)
    second = datasets.commit("water", frames, parent=1)
    assert second.shards[:2] == first.shards
    assert {key: data for key, data in shards_in(objects).items() if key in before} == before
    assert len(shards_in(objects)) == len(second.shards) == 2 + 3
    assert_same(datasets.load("water", 1), frames[:10])
    assert_same(datasets.load("water", 2), frames)
    assert (datasets.versions("water"), datasets.show("water").parent) == ((1, 2), 1)


def test_identical_content_is_the_newest_version(datasets: DatasetStore, objects: ObjectStore) -> None:
    frames = labelled(20)
    datasets.commit("water", frames[:10])
    grown = datasets.commit("water", frames, parent=1, theory="t", lineage={"run": 1})
    before = list(objects.list(""))
    for parent in (1, 2, None):
        assert datasets.commit("water", frames, parent=parent, theory="t", lineage={"run": 2}) == grown
    assert list(objects.list("")) == before
    assert datasets.commit("water", frames, parent=2, theory="t", split={"train": [0]}).version == 3
    assert datasets.commit("water", frames, parent=3, theory="other").version == 4
    assert set(shards_in(objects)) == {key for key in before if "/shards/" in key}


def test_a_history_played_once_more_makes_no_new_versions(datasets: DatasetStore, objects: ObjectStore) -> None:
    frames = labelled(24)
    made = [datasets.commit("water", frames[: 8 * (parent + 1)], parent=parent) for parent in range(3)]
    before = list(objects.list(""))
    assert [datasets.commit("water", frames[: 8 * (parent + 1)], parent=parent) for parent in range(3)] == made
    assert list(objects.list("")) == before
    assert made[0].parent is None
    assert datasets.commit("water", frames[:8], parent=3).version == 4, "back to fewer rows is a step forward"


def test_appended_rows_make_the_version_that_all_rows_would(datasets: DatasetStore, objects: ObjectStore) -> None:
    frames = labelled(24)
    datasets.commit("water", frames[:8])
    datasets.commit("other", frames[:8])
    for stop in (11, 24):
        parent = datasets.versions("water")[-1]
        appended = datasets.append(
            "water", frames[datasets.show("water").rows : stop], parent=parent, theory="t", lineage={"a": 1}
        )
        committed = datasets.commit("other", frames[:stop], parent=parent, theory="t", lineage={"a": 1})
        assert (appended.shards, appended.parent, appended.version) == (committed.shards, parent, parent + 1)
        assert appended.same_data(committed)
        assert_same(datasets.load("water"), frames[:stop])
    before = list(objects.list(""))
    assert datasets.append("water", frames[8:11], parent=1, theory="t").version == 2, "a history that is played once more"
    assert list(objects.list("")) == before


def test_appending_reads_and_writes_nothing_of_the_older_rows_but_the_last_shard(tmp_path: Path) -> None:
    objects = open_store(str(tmp_path))
    datasets, frames = DatasetStore(objects, shard_rows=4), labelled(24)
    first, *_, last = datasets.commit("water", frames[:16]).shards
    for shard in tmp_path.glob("datasets/water/shards/*"):
        if last.sha256 not in shard.name:
            shard.unlink()
    grown = datasets.append("water", frames[16:18], parent=1)
    assert (grown.rows, grown.shards[0]) == (18, first)
    with pytest.raises(DamagedObject, match=first.sha256):
        datasets.load("water")


def test_appended_rows_with_a_new_column_are_a_commit_of_all(datasets: DatasetStore) -> None:
    frames = labelled(12)
    datasets.commit("water", frames[:8])
    datasets.append("water", frames[8:].with_extra(colour=["red"] * 4), parent=1)
    loaded = datasets.load("water")
    assert list(loaded.extra["colour"]) == [""] * 8 + ["red"] * 4
    assert_same(loaded[:8], frames[:8].with_extra(colour=[""] * 8))
    datasets.append("water", frames[:2], parent=2)
    assert list(datasets.load("water").extra["colour"][-2:]) == ["", ""], "a column that they lack is empty"


def test_the_same_rows_are_the_same_bytes_wherever_they_came_from(datasets: DatasetStore, objects: ObjectStore) -> None:
    frames = labelled(24)
    datasets.commit("water", frames)
    datasets.commit("other", Frames.concat([frames[i : i + 1] for i in range(8, 24)]))
    water, other = datasets.show("water"), datasets.show("other")
    assert water.shards[1:] == other.shards


@pytest.mark.parametrize("change", ["positions", "energy", "forces", "source", "order"])
def test_rows_that_changed_are_written_anew(datasets: DatasetStore, change: str) -> None:
    frames = labelled(16)
    datasets.commit("water", frames)
    if change == "order":
        other = frames[[1, 0, *range(2, 16)]]
    elif change == "source":
        other = frames.with_extra(source=["other", *["path"] * 15])
    else:
        column = getattr(frames, change).copy()
        column.flat[0] = np.nextafter(column.flat[0], np.inf)
        other = Frames(**{**vars(frames), change: column})
    second = datasets.commit("water", other, parent=1)
    assert second.version == 2
    assert_same(datasets.load("water", 2), other)
    assert_same(datasets.load("water", 1), frames)


def test_unlabelled_periodic_and_mixed_frames(datasets: DatasetStore) -> None:
    cell = Structure.from_symbols(["Ne"], [[0.0, 0.0, 0.0]], cell=np.eye(3) * 4.0, pbc=(True, True, False))
    radical = Structure.from_symbols(["O", "H"], [[0.0, 0.0, 0.0], [0.0, 0.0, 0.97]], charge=0, multiplicity=2)
    water = waters(1)[0]
    frames = Frames.of(
        [cell, water, radical], [None, label_of(water), None], note=["ä", "", "two words"], weight=[1.5, np.nan, 2.0]
    )
    datasets.commit("mixed", frames)
    assert_same(datasets.load("mixed"), frames)
    assert [s.key for s in datasets.load("mixed").structures()] == [cell.key, water.key, radical.key]


def test_no_rows_at_all(datasets: DatasetStore) -> None:
    assert datasets.commit("empty", Frames.of([])).shards == ()
    assert len(datasets.load("empty")) == 0
    assert datasets.commit("empty", labelled(3), parent=1).rows == 3


def test_what_is_not_there_is_named(datasets: DatasetStore) -> None:
    with pytest.raises(ObjectNotFound, match=r"no data set water .* there are: none"):
        datasets.load("water")
    datasets.commit("water", labelled(3))
    with pytest.raises(ObjectNotFound, match=r"water has no version 7 .* it has 1 to 1"):
        datasets.load("water", 7)
    with pytest.raises(ObjectNotFound, match=r"no data set wasser .* there are: water"):
        datasets.verify("wasser")
    with pytest.raises(ObjectNotFound, match="no version 5"):
        datasets.commit("water", labelled(3), parent=5)
    for name in ("a/b", "", "..", "a b"):
        with pytest.raises(InputError, match="is no name of a data set"):
            datasets.commit(name, labelled(1))
    assert datasets.names() == ("water",)


@pytest.mark.parametrize("split", [{"train": [0, 3]}, {"train": [-1]}, {"train": [0, 1], "test": [1]}, {"train": [0, 0]}])
def test_an_impossible_split_is_refused(datasets: DatasetStore, split: dict[str, list[int]]) -> None:
    with pytest.raises(ValueError, match="the split"):
        datasets.commit("water", labelled(3), split=split)
    assert datasets.names() == ()


def test_a_damaged_shard_is_named_and_never_loaded(datasets: DatasetStore, objects: ObjectStore) -> None:
    frames = labelled(20)
    made = datasets.commit("water", frames)
    assert datasets.verify("water") == ()
    key = f"datasets/water/shards/{made.shards[1].sha256}.parquet"
    good = objects.get(key)
    for bad in (
        good[:-1],
        b"",
        good[:100] + b"\0" + good[101:],
        objects.get(f"datasets/water/shards/{made.shards[0].sha256}.parquet"),
    ):
        objects.put(key, bad)
        with pytest.raises(DamagedObject, match=key):
            datasets.load("water")
        assert [finding.key for finding in datasets.verify("water")] == [key]
    objects.delete(key)
    with pytest.raises(DamagedObject, match=f"{key} .* is missing"):
        datasets.load("water")
    assert [finding.key for finding in datasets.verify("water")] == [key]


def test_committing_the_frames_again_mends_a_damaged_shard(datasets: DatasetStore, objects: ObjectStore) -> None:
    frames = labelled(8)
    made = datasets.commit("water", frames)
    key = f"datasets/water/shards/{made.shards[0].sha256}.parquet"
    objects.put(key, b"damaged")
    datasets.commit("water", Frames.concat([labelled(8, seed=5), frames]))
    assert_same(datasets.load("water", 1), frames)


def test_a_damaged_manifest_is_named(datasets: DatasetStore, objects: ObjectStore) -> None:
    for number in (1, 2, 3):
        datasets.commit("water", labelled(4 * number), parent=number - 1 or None)
    key = "datasets/water/versions/2.json"
    good = objects.get(key)
    for bad in (good.replace(b'"parent":1', b'"parent":2'), good[:-3], b"{}", objects.get("datasets/water/versions/1.json")):
        objects.put(key, bad)
        with pytest.raises(DamagedObject, match=key):
            datasets.load("water", 2)
        assert [finding.key for finding in datasets.verify("water")] == [key]
    objects.delete(key)
    assert [finding.key for finding in datasets.verify("water")] == [key]
    assert len(datasets.load("water")) == 12


def test_diff_names_what_came_went_and_changed(datasets: DatasetStore) -> None:
    frames, other = labelled(20), labelled(5, seed=9)
    keys = frames.keys()
    first = datasets.commit("water", frames)
    same = datasets.commit("copy", frames)
    assert datasets.diff(first, same).common == 20
    energy = frames.energy.copy()
    energy[12] += 1.0
    changed = Frames.concat([Frames(**{**vars(frames), "energy": energy})[:18], other])
    second = datasets.commit("water", changed, parent=1)
    diff = datasets.diff(first, second)
    assert set(diff.only_first) == set(keys[18:])
    assert set(diff.only_second) == set(other.keys())
    assert diff.relabelled == (keys[12],)
    assert diff.common == 18


def test_writers_at_once_all_get_a_version(datasets: DatasetStore, objects: ObjectStore) -> None:
    contents = [labelled(6, seed=seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as threads:
        made: list[DatasetVersion] = list(threads.map(lambda frames: datasets.commit("water", frames), contents))
    assert sorted(version.version for version in made) == list(range(1, 7))
    for version, frames in zip(made, contents, strict=True):
        assert_same(datasets.load("water", version.version), frames)


FRAMES = labelled(30, seed=3)


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 30), min_size=1, max_size=5), shard_rows=st.integers(1, 12))
def test_any_history_of_growth_loads_as_it_was(cuts: list[int], shard_rows: int) -> None:
    datasets = DatasetStore(MemoryStore(), shard_rows=shard_rows)
    history = [FRAMES[:cut] for cut in cuts]
    made = []
    for frames in history:
        made.append(datasets.commit("water", frames, parent=made[-1].version if made else None))
    for version, frames in zip(made, history, strict=True):
        loaded = datasets.load("water", version.version)
        assert len(loaded) == version.rows == len(frames)
        if len(frames):  # without rows there are no columns
            assert_same(loaded, frames)
        assert all(shard.rows <= shard_rows for shard in version.shards)
    assert datasets.verify("water") == ()
