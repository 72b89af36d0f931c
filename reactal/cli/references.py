"""A data set by the name that the command line gives it: NAME, NAME@VERSION, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reactal.errors import InputError

if TYPE_CHECKING:
    from reactal.chem import Frames
    from reactal.store.datasets import DatasetStore

__all__ = ["labelled_frames", "opened", "parse_reference"]


def opened(store: str) -> DatasetStore:
    """The data sets of a store."""
    from reactal.store.datasets import DatasetStore
    from reactal.store.opening import open_store

    return DatasetStore(open_store(store))


def parse_reference(text: str) -> tuple[str, int | None]:
    """`sn2@4` -> ("sn2", 4); without a number the newest version is meant."""
    name, at, number = text.partition("@")
    if at and not number.isdecimal():
        raise InputError(f"{text!r} is no version of a data set; write NAME@3, or NAME for the newest")
    return name, int(number) if at else None


def labelled_frames(reference: str, store: str) -> Frames:
    """Every row with energy and forces, from the store or from a file; `InputError` where they are no numbers, or of several
    theories."""
    from reactal.chem.files import is_file_of_frames, read_any
    from reactal.training.admission import THEORY, admitted

    if is_file_of_frames(Path(reference)):
        frames = read_any(Path(reference), columns=(THEORY,))
    else:
        name, version = parse_reference(reference)
        frames = opened(store).load(name, version)
    labelled = frames[frames.labelled]
    if not len(labelled):
        raise InputError(f"{reference} holds no labelled geometry; `reactal label` adds energies and forces")
    return admitted(labelled)
