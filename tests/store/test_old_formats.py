"""What older releases stored must still load: tests/fixtures/store-v1 was written once and is never written again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from reactal.chem.label import FailureKind, Label, LabelFailure
from reactal.chem.structure import Structure
from reactal.chem.theory import Theory
from reactal.store.datasets import DatasetStore
from reactal.store.journal import Journal
from reactal.store.labels import LabelStore
from reactal.store.local import LocalStore

THEORY = "b2d196e05018f34317f93370"
LABELLED = "ed2f719aa22e4c6d22bacdf0ba937fea6aa7d93d12373b4aa235e8c0c9b5e22d"
FAILED = "d6e927a40237628dd20d2bdb62f06adaee63c75b5fec2e6be37be95bf8075fe0"


@pytest.fixture
def old() -> LocalStore:
    return LocalStore(Path(__file__).parents[1] / "fixtures" / "store-v1")


def test_labels(old: LocalStore) -> None:
    labels = LabelStore(old)
    assert list(labels.keys(THEORY)) == [LABELLED]
    assert list(labels.failures(THEORY)) == [FAILED]
    entry = labels.entry(THEORY, LABELLED)
    assert entry is not None
    assert isinstance(entry.structure, Structure)
    assert entry.structure.formula == "H2O"
    assert isinstance(entry.outcome, Label)
    assert (entry.outcome.energy, entry.outcome.scf_iterations) == (-2068.3742697789066, 9)
    assert entry.outcome.forces.shape == (3, 3)
    failure = labels.get(THEORY, FAILED)
    assert isinstance(failure, LabelFailure)
    assert (failure.kind, len(failure.attempts)) == (FailureKind.SCF_NOT_CONVERGED, 2)


def test_theory(old: LocalStore) -> None:
    assert LabelStore(old).theories() == (Theory("psi4", "hf", "6-31g*", (("scf_type", "df"),)),)
    assert LabelStore(old).theories()[0].fingerprint == THEORY


def test_journal(old: LocalStore) -> None:
    events = Journal(old, "campaigns/first/journal").read()
    assert events == ({"kind": "started", "seed": 7}, {"kind": "labelled", "keys": [LABELLED], "seconds": 0.7})


def test_dataset(old: LocalStore) -> None:
    datasets = DatasetStore(old)
    assert datasets.verify("water") == ()
    first, second = (datasets.show("water", number) for number in (1, 2))
    assert (first.rows, first.parent, first.split) == (6, None, {"train": (0, 1, 2, 3), "test": (5,)})
    assert (first.theory, first.lineage) == (THEORY, {"campaign": "first", "journal": 1})
    assert (second.rows, second.parent, second.shards[0]) == (5, 1, first.shards[0])
    frames = datasets.load("water", 1)
    assert frames.keys()[0] == LABELLED
    np.testing.assert_array_equal(
        frames.energy,
        [
            -2068.3742697789066,
            -2068.154415807935,
            -2068.3109466182063,
            -2066.4590808786147,
            -2069.1517911526116,
            -2069.3019314252533,
        ],
    )
    assert frames.forces.sum() == pytest.approx(-1.0008983105428364, abs=1e-12)
    assert list(frames.extra["iteration"]) == list(range(6))
    assert set(frames.extra["source"]) == {"path"}


def test_growing_an_old_dataset_reuses_its_shards(old: LocalStore, tmp_path: Path) -> None:
    """The hash of rows does not depend on the release of Arrow that wrote them."""
    copy = LocalStore(tmp_path)
    for key in old.list("datasets/"):
        copy.put(key, old.get(key))
    datasets = DatasetStore(copy)
    grown = datasets.commit("water", datasets.load("water", 1), parent=1, theory="other")
    assert grown.version == 3
    assert grown.shards == datasets.show("water", 1).shards
