"""What is said where a swarm came to nothing, and which models are refused before it starts."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.exploration.guards import Ended, Guards
from reactal.exploration.outcome import counted, refuse_unfit, why_none_left
from reactal.exploration.recording import Ending
from reactal.potentials.base import Prediction
from tests.exploration.surfaces import Surface, hcch, rotor


def endings(*reasons: Ended, step: int = 5) -> list[Ending]:
    return [Ending(i, step, str(reason), None) for i, reason in enumerate(reasons)]


@pytest.mark.parametrize("reason", [reason for reason in Ended if reason != Ended.COMPLETED])
def test_the_guard_that_ended_most_is_named_with_what_to_loosen(reason: Ended) -> None:
    text = why_none_left(endings(reason, reason, Ended.HOT), Guards(drift=1.0))
    assert text is not None
    assert f"ended {reason}" in text
    assert text.count(";") == 1
    assert not text.endswith("; ")


def test_nothing_is_said_where_one_came_through() -> None:
    assert why_none_left(endings(Ended.HOT, Ended.COMPLETED), Guards()) is None
    assert counted(endings(Ended.HOT, Ended.HOT, Ended.COMPLETED)) == {"hot": 2, "completed": 1}


def test_those_that_ended_at_once_are_counted() -> None:
    assert "2 of them where they began" in (why_none_left(endings(Ended.DOUBTFUL, Ended.DOUBTFUL, step=0), Guards()) or "")


class Everywhere:
    """The same answer for every geometry."""

    def __init__(self, energy: float, force: float) -> None:
        self.energy, self.force = energy, force

    def predict(self, frames: Frames) -> Prediction:
        atoms = len(frames.numbers)
        spread = np.zeros(len(frames)), np.zeros(atoms)
        return Prediction(np.full(len(frames), self.energy), np.full((atoms, 3), self.force), *spread)


def test_models_that_cannot_be_used_are_refused() -> None:
    frames = Frames.of([hcch(1.2), hcch(1.6)])
    refuse_unfit(Surface(rotor), frames)
    for unfit in (Everywhere(np.nan, 0.1), Everywhere(0.0, np.inf)):
        with pytest.raises(InputError, match="not finite on any of the 2"):
            refuse_unfit(unfit, frames)
    with pytest.raises(InputError, match="constant"):
        refuse_unfit(Everywhere(-3.0, 0.0), frames)
