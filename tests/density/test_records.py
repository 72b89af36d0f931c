"""Densities in the store: once computed, versions with lineage, nothing damaged is learned from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from reactal.density.records import DensityStore
from reactal.density.reference import ReferenceDensity
from reactal.errors import DamagedObject, InputError
from reactal.store.datasets import DatasetStore
from reactal.store.memory import MemoryStore
from tests.density.conftest import COARSE, fluoride


@pytest.fixture
def densities(fluorides: Sequence[ReferenceDensity]) -> DensityStore:
    store = DensityStore(MemoryStore(), COARSE)
    for one in fluorides[:3]:
        store.objects.put(store._key(one.structure.key), one.to_bytes())
    return store


def test_bytes_give_the_same_density(fluorides: Sequence[ReferenceDensity]) -> None:
    again = ReferenceDensity.from_bytes(fluorides[0].to_bytes(), name="it")
    np.testing.assert_array_equal(again.density, fluorides[0].density)
    assert again.digest == fluorides[0].digest
    assert again.structure == fluorides[0].structure


def test_what_is_stored_is_not_computed_again(densities: DensityStore, fluorides: Sequence[ReferenceDensity]) -> None:
    made, failed = densities.compute([one.structure for one in fluorides[:3]])
    assert [one.seconds for one in made] == [one.seconds for one in fluorides[:3]]
    assert not failed


def test_a_failure_leaves_one_out_and_says_which(densities: DensityStore) -> None:
    from reactal.chem import Structure

    made, failed = densities.compute([Structure((1,), np.zeros((1, 3)), multiplicity=2)])
    assert not made
    assert "structure 0: H has multiplicity 2" in failed[0]


def test_a_data_set_has_versions_theory_and_lineage(densities: DensityStore, fluorides: Sequence[ReferenceDensity]) -> None:
    first = densities.commit("hf", fluorides[:2], lineage={"geometries": "hf.xyz"})
    assert densities.commit("hf", fluorides[:2], lineage={"geometries": "hf.xyz"}).version == first.version
    second = densities.commit("hf", fluorides[:3], lineage={"geometries": "hf.xyz"})
    assert (first.version, second.version) == (1, 2)
    assert second.theory == COARSE.fingerprint
    assert second.lineage["geometries"] == "hf.xyz"
    assert [one.structure.key for one in densities.load("hf", 1)] == [one.structure.key for one in fluorides[:2]]


def test_a_changed_density_is_named_and_not_learned_from(densities: DensityStore, fluorides: Sequence[ReferenceDensity]) -> None:
    densities.commit("hf", fluorides[:2], lineage={})
    key = densities._key(fluorides[1].structure.key)
    densities.objects.put(key, fluorides[2].to_bytes())
    with pytest.raises(DamagedObject, match="not what its data set names"):
        list(densities.load("hf"))
    densities.objects.put(key, b"rubbish")
    assert densities.find(fluorides[1].structure) is None


def test_a_data_set_of_labels_is_no_data_set_of_densities(densities: DensityStore) -> None:
    from reactal.chem import Frames

    DatasetStore(densities.objects).commit("labels", Frames.of([fluoride(0.9)]), theory="other")
    with pytest.raises(InputError, match="no data set of densities"):
        list(densities.load("labels"))
