from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reactal.chem import Frames
from reactal.chem.convert import read_frames, write_frames
from tests.chem.strategies import frames, labels, structures


def same(a: Frames, b: Frames) -> bool:
    return (
        a.keys() == b.keys()
        and np.array_equal(a.energy, b.energy, equal_nan=True)
        and np.array_equal(a.forces, b.forces, equal_nan=True)
        and all(np.array_equal(a.extra[name], b.extra[name]) for name in {*a.extra, *b.extra})
    )


@given(frames())
def test_arrow_there_and_back(given_frames: Frames) -> None:
    assert same(Frames.from_arrow(given_frames.to_arrow()), given_frames)


@given(frames())
def test_keys_are_those_of_the_structures(given_frames: Frames) -> None:
    assert given_frames.keys() == [s.key for s in given_frames.structures()]


@given(frames(), st.data())
def test_choosing_rows_is_choosing_structures(given_frames: Frames, data: st.DataObject) -> None:
    n = len(given_frames)
    rows = data.draw(st.lists(st.integers(0, n - 1), max_size=8)) if n else []
    chosen = given_frames[np.asarray(rows, dtype=np.int64)]
    assert chosen.keys() == [given_frames.keys()[i] for i in rows]
    assert np.array_equal(chosen.energy, given_frames.energy[rows], equal_nan=True)


@given(frames(), frames())
def test_joined_frames_are_one_after_the_other(a: Frames, b: Frames) -> None:
    both = Frames.concat([a, b])
    assert both.keys() == a.keys() + b.keys()
    assert same(both[: len(a)], a) or not len(a)


@given(structures(), st.integers(1, 5))
def test_repeat_is_many_copies(template, count: int) -> None:  # type: ignore[no-untyped-def]
    places = np.stack([template.positions + i for i in range(count)])
    assert same(Frames.repeat(template, places), Frames.of([template.moved(p) for p in places]))


def test_largest_forces_by_structure() -> None:
    water = [np.zeros((3, 3)), np.zeros((3, 3))]
    water[0][1] = [3.0, 4.0, 0.0]
    from tests.chem.test_structure import WATER

    label = labels(WATER, 0)
    known = Frames.of([WATER, WATER], [label, None])
    assert np.isclose(known.max_force()[0], np.linalg.norm(label.forces, axis=1).max())
    assert np.isnan(known.max_force()[1])


@given(frames())
def test_files_keep_what_ase_can_keep(tmp_path_factory, given_frames: Frames) -> None:  # type: ignore[no-untyped-def]
    if not len(given_frames):
        return
    path: Path = tmp_path_factory.mktemp("frames") / "frames.extxyz"
    write_frames(path, given_frames)
    again = read_frames(path)
    assert np.allclose(again.positions, given_frames.positions, atol=1e-7)
    assert np.allclose(again.energy, given_frames.energy, atol=1e-7, equal_nan=True)
    assert np.allclose(again.forces, given_frames.forces, atol=1e-6, equal_nan=True)
    assert again.charge.tolist() == given_frames.charge.tolist()
    assert again.multiplicity.tolist() == given_frames.multiplicity.tolist()


def test_words_of_a_comment_are_no_charge(tmp_path: Path) -> None:
    """ASE reads the words of a plain comment as flags that are True; a charge of +1 must not come of it."""
    plain, named = tmp_path / "plain.xyz", tmp_path / "named.xyz"
    plain.write_text("2\nhydrogen, charge 0, multiplicity 1\nH 0 0 0\nH 0 0 0.74\n")
    named.write_text("2\ncharge=-1 multiplicity=2\nH 0 0 0\nH 0 0 0.74\n")
    assert (read_frames(plain).charge[0], read_frames(plain).multiplicity[0]) == (0, 1)
    assert (read_frames(named).charge[0], read_frames(named).multiplicity[0]) == (-1, 2)
