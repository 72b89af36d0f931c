"""Charges and multiplicities that a model was trained on. Of others it would say what it learnt of these, and look sure of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from reactal.chem import Frames
from reactal.errors import UnknownState

__all__ = ["as_about", "known_states", "refuse_unknown_states"]

State = tuple[int, int]  # charge and multiplicity


def known_states(about: Mapping[str, Any]) -> frozenset[State]:
    """From a model's `about`; nothing where that does not say it, as models of unknown origin do not."""
    if "states" in about:
        return frozenset((int(charge), int(multiplicity)) for charge, multiplicity in about["states"])
    if "charge" in about and "multiplicity" in about:
        return frozenset({(int(about["charge"]), int(about["multiplicity"]))})
    return frozenset()


def as_about(frames: Frames, *, before: Iterable[State] = ()) -> dict[str, Any]:
    """What a model that was trained on these frames, and `before` on others, has to say of it: one state as a campaign does."""
    found = sorted({*_states(frames), *before})
    if len(found) == 1:
        ((charge, multiplicity),) = found
        return {"charge": charge, "multiplicity": multiplicity}
    return {"states": [list(state) for state in found]}


def refuse_unknown_states(frames: Frames, about: Mapping[str, Any]) -> None:
    """`UnknownState` where a structure is in a state that the model was never trained on."""
    known = known_states(about)
    if not known or not len(frames):
        return
    charge, multiplicity = next(iter(known))
    if (frames.charge == charge).all() and (frames.multiplicity == multiplicity).all():
        return  # as nearly always, and thousands of times in a second of dynamics
    strange = sorted(_states(frames) - known)
    if strange:
        raise UnknownState(
            f"the potential was trained on {_words(known)} and knows nothing of {_words(strange)}; "
            "give these structures the state that they have in it, or train on labels of theirs"
        )


def _states(frames: Frames) -> set[State]:
    pairs = np.unique(np.stack([frames.charge, frames.multiplicity], axis=1), axis=0)
    return {(int(charge), int(multiplicity)) for charge, multiplicity in pairs}


def _words(states: Iterable[State]) -> str:
    return " and ".join(f"charge {charge:+d} with multiplicity {multiplicity}" for charge, multiplicity in sorted(states))
