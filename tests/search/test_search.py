"""A search of a library: what it proposes, what it remembers, and what it refuses."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.errors import InputError
from reactal.search.features import features_of
from reactal.search.library import Library, read_library
from reactal.search.proposing import ACQUISITIONS, History, propose
from reactal.search.replay import by_lot, played
from reactal.search.state import FAILED, Settings, begin, opened

GRID = np.linspace(-1.0, 1.0, 40)
VALUES = (GRID - 0.4) ** 2
FEATURES = GRID[:, None] / GRID.std()
NONE = np.zeros(0, dtype=np.int64)


def library(folder: Path, *, known: int = 0) -> Path:
    file = folder / "library.csv"
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["id", "x", "barrier"])
        rows.writerows([f"r{n}", x, VALUES[n] if n < known else ""] for n, x in enumerate(GRID))
    return file


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_the_minimum_of_a_bowl_is_found(acquisition: str) -> None:
    """Both of the best two of forty within sixteen evaluations; lots take two thirds of the library, on average."""
    how = {"minimise": True, "start": 4, "batch": 4, "share": 0.05}
    run = played(FEATURES, VALUES, acquisition=acquisition, most=16, seed=0, **how)  # type: ignore[arg-type]
    assert run.until(1.0, best=2) is not None
    assert len(set(run.order)) == len(run.order)
    assert set(by_lot(VALUES, minimise=True, share=0.05, seed=0).order) == set(range(40))


def test_maximising_is_minimising_the_negative() -> None:
    rows = np.array([0, 14, 39])
    history = History(rows, VALUES[rows], NONE, NONE, ())
    mirrored = History(rows, -VALUES[rows], NONE, NONE, ())
    low = propose(FEATURES, history, count=2, minimise=True, acquisition="ei", rng=np.random.default_rng(1))
    high = propose(FEATURES, mirrored, count=2, minimise=False, acquisition="ei", rng=np.random.default_rng(1))
    assert low.tolist() == high.tolist()


def test_what_is_pending_is_not_asked_again_and_pushes_others_away() -> None:
    rows = np.array([0, 10, 20, 39])
    alone = propose(
        FEATURES, History(rows, VALUES[rows], NONE, NONE, ()), count=1, minimise=True, acquisition="ei",
        rng=np.random.default_rng(0),
    )  # fmt: skip
    beside = propose(
        FEATURES, History(rows, VALUES[rows], alone, NONE, ()), count=1, minimise=True, acquisition="ei",
        rng=np.random.default_rng(0),
    )  # fmt: skip
    assert beside[0] != alone[0]


def test_a_search_goes_on_where_it_was(tmp_path: Path) -> None:
    settings = Settings("barrier", minimise=True)
    first = begin(tmp_path / "s", read_library(library(tmp_path, known=4), target="barrier"), settings)
    assert first.values == {f"r{n}": pytest.approx(VALUES[n]) for n in range(4)}
    asked = first.ask(3)
    assert opened(tmp_path / "s").pending == asked
    again = opened(tmp_path / "s")
    again.tell({asked[0]: 0.5, asked[1]: FAILED})
    later = opened(tmp_path / "s")
    assert (later.pending, later.failed) == ((asked[2],), (asked[1],))
    assert set(later.ask(40)).isdisjoint({*asked, "r0", "r1", "r2", "r3"})
    assert later.ask(1) == (), "nothing is left"
    assert opened(tmp_path / "s").ranked()[0][1] == min(later.values.values())


def test_the_same_search_asks_the_same(tmp_path: Path) -> None:
    entries = read_library(library(tmp_path, known=5), target="barrier")
    asked = [begin(tmp_path / name, entries, Settings("barrier", minimise=True)).ask(2) for name in ("a", "b")]
    assert asked[0] == asked[1]


@pytest.mark.parametrize(
    ("told", "said"),
    [({"r99": 1.0}, "no entry r99"), ({"r0": 7.0}, "a value does not change"), ({"r9": float("nan")}, "write a number")],
)
def test_what_cannot_be_told(tmp_path: Path, told: dict[str, float], said: str) -> None:
    search = begin(tmp_path / "s", read_library(library(tmp_path, known=2), target="barrier"), Settings("barrier", minimise=True))
    with pytest.raises(InputError, match=said):
        search.tell(told)
    assert len(search.values) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,x,barrier\na,1,2\na,2,3\n", "two entries of one name"),
        ("id,x,barrier\na,1,low\nb,2,3\n", "no number"),
        ("id,barrier\na,1\nb,2\n", "no column of numbers"),
        ("id,x,barrier\na,1,2\n", "nothing to choose"),
        ("id,x,barrier\n", "no rows"),
        ("id,x,barrier\na,1\nb,1,2\n", "different lengths"),
    ],
)
def test_libraries_that_cannot_be_searched(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(InputError, match=said):
        read_library(tmp_path / "l.csv", target="barrier")


def test_constant_features_are_refused() -> None:
    same = Library(("a", "b"), np.array([1.0, 2.0]), columns={"x": np.ones(2)})
    with pytest.raises(InputError, match="look alike"):
        features_of(same)


def hydrogens(lengths: np.ndarray) -> Frames:
    return Frames.of([Structure.from_symbols("HH", [[0, 0, 0], [0, 0, length]]) for length in lengths])


def test_features_of_reactions_do_not_change_when_they_are_turned() -> None:
    before, after = np.linspace(0.7, 0.9, 8), np.linspace(1.5, 1.1, 8)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    products = hydrogens(after)
    turned = Frames.repeat(products.structure(0), (products.positions @ turn.T).reshape(8, 2, 3))
    names = tuple(map(str, range(8)))
    straight = features_of(Library(names, np.full(8, np.nan), hydrogens(before), products), cheap=False)
    rotated = features_of(Library(names, np.full(8, np.nan), hydrogens(before), turned), cheap=False)
    np.testing.assert_allclose(np.abs(straight), np.abs(rotated), atol=1e-3)
    assert straight.mean(axis=0) == pytest.approx(0.0, abs=1e-9) and straight.std(axis=0) == pytest.approx(1.0)


def test_smiles_tell_entries_apart() -> None:
    smiles = ("C=C.C=CC=C>>C1CCC=CC1", "CC>>C=C", "CCO>>CC=O", "CCCO>>CCC=O")
    features = features_of(Library(tuple("abcd"), np.full(4, np.nan), smiles=smiles))
    assert len(np.unique(features.round(6), axis=0)) == 4
    with pytest.raises(InputError, match="no SMILES"):
        features_of(Library(tuple("ab"), np.full(2, np.nan), smiles=("CC", "C((")))
