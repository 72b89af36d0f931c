"""Rows of another campaign that the first model learns from, too: paid for there, and never counted here."""

from __future__ import annotations

import numpy as np

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.stages.bench import Bench

__all__ = ["INHERITED", "inherited", "require_inheritance"]

INHERITED = "inherited"  # role and arm of such rows


def require_inheritance(bench: Bench) -> None:
    """Before a label is spent: `ObjectNotFound` for a dataset that is not there, `InputError` for one of another theory."""
    address = bench.config.seeding.learn_from
    if address is None:
        return
    name, _, version = address.partition("@")
    if bench.datasets.show(name, int(version)).theory != bench.theory.fingerprint:
        raise InputError(f"seeding.learn_from: dataset {address} is of another theory than {bench.theory.name}")


def inherited(bench: Bench, own: Frames) -> Frames:
    """The dataset's rows but for those that are among this campaign's own."""
    address = bench.config.seeding.learn_from
    if address is None:
        return Frames.of([])
    name, _, version = address.partition("@")
    given, known = bench.datasets.load(name, int(version)), {own.structure(row).key for row in range(len(own))}
    kept = given[np.asarray([row for row in range(len(given)) if given.structure(row).key not in known], dtype=np.int64)]
    count = len(kept)
    return kept.with_extra(
        role=np.full(count, INHERITED), arm=np.full(count, INHERITED), iteration=np.zeros(count, dtype=np.int64)
    )
