"""What came of a swarm of replicas, in words: which guards ended them, and what to change where none is left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.exploration.guards import Ended, Guards
from reactal.exploration.recording import Ending
from reactal.potentials.base import Potential

__all__ = ["counted", "refuse_unfit", "why_none_left"]


def counted(endings: Sequence[Ending]) -> dict[str, int]:
    """How many replicas ended for each reason, the most frequent first."""
    return dict(Counter(str(ending.reason) for ending in endings).most_common())


def why_none_left(endings: Sequence[Ending], guards: Guards) -> str | None:
    """One sentence where no replica came to its last step, None where one did: the guard that ended most, and what to loosen."""
    if not endings or any(ending.reason == Ended.COMPLETED for ending in endings):
        return None
    ((reason, most),) = Counter(ending.reason for ending in endings).most_common(1)
    at_once = sum(ending.step == 0 for ending in endings)
    begun = f", {at_once} of them where they began" if at_once else ""
    return f"no replica came to its last step: {most} of {len(endings)} ended {reason}{begun}; {_advice(Ended(reason), guards)}"


def _advice(reason: Ended, guards: Guards) -> str:
    return {
        Ended.COMPLETED: "nothing is to be changed",
        Ended.DOUBTFUL: f"label the proposed frames and train again, or raise the trust region above {guards.trust:g} eV/Å",
        Ended.RUNAWAY: f"the model knows nothing there: label and train, go cooler, or raise the cap above {guards.cap:g} eV/Å",
        Ended.SEPARATED: f"hold the parts in a sphere, or allow more than {guards.separation:g} Å between them",
        Ended.REACTED: "allow bonds to change, or go cooler",
        Ended.DRIFTED: f"allow the centre of mass more than {guards.drift or 0:g} Å",
        Ended.HOT: f"take a shorter time step, or allow more than {guards.temperature_factor:g} times the bath's temperature",
        Ended.ENERGY: f"go cooler, or allow energies further than {guards.energy_window:g} eV from the start",
        Ended.CRUSHED: f"go cooler, or allow contacts below {guards.contact:g} of a bond",
        Ended.NOT_FINITE: "the model gives energies or forces that are not finite: train it again, with a smaller learning rate",
    }[reason]


def refuse_unfit(potential: Potential, frames: Frames) -> None:
    """`InputError` for a model that gives no finite answer anywhere, or the same for every geometry."""
    seen = potential.predict(frames)
    force = frames.per_structure_max(np.linalg.norm(seen.forces, axis=1))
    finite = np.isfinite(seen.energy) & np.isfinite(force)
    if not finite.any():
        raise InputError(
            f"the model's energies or forces are not finite on any of the {len(frames)} starting frames; train it again, with a "
            "smaller learning rate, or look whether the frames are of its elements and in angstrom"
        )
    if (frames.sizes > 1).any() and (force[finite] == 0).all():
        raise InputError(
            "the model's forces are zero everywhere: it is constant and has learnt nothing; train it on labels with forces"
        )
