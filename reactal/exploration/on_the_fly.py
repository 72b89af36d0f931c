"""Learning on the fly: a replica that comes to doubt waits, its frame is labelled, the model learns, and it goes on from there.

As FLARE does for one simulation (Vandermause et al., npj Comput. Mater. 6, 20 (2020)), for many: each round runs until every
replica has come to its end or to doubt, so that one lesson serves all that wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, final

import numpy as np

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.exploration.dynamics import Plan, simulate
from reactal.exploration.guards import Ended, Guards
from reactal.exploration.motion import maxwell
from reactal.exploration.noise import OwnStreams
from reactal.exploration.recording import Ending
from reactal.exploration.replicas import Replicas
from reactal.exploration.thermostats import Thermostat
from reactal.potentials.base import Potential

__all__ = ["Lessons", "Teacher", "learn_on_the_fly"]


class Teacher(Protocol):
    """Who labels and trains."""

    def learn(self, doubtful: Frames) -> Potential:
        """A potential that knows the labels of these frames beside all it knew; what they hold is the old one's prediction."""


@final
@dataclass(frozen=True, eq=False)
class Lessons:
    """All frames met, in the order of the rounds; how each replica ended; what was labelled in each round; the last potential."""

    frames: Frames
    endings: tuple[Ending, ...]
    taught: tuple[Frames, ...]
    potential: Potential


def learn_on_the_fly(
    potential: Potential,
    replicas: Replicas,
    teacher: Teacher,
    *,
    plan: Plan,
    guards: Guards,
    thermostat: Thermostat | None = None,
    rounds: int = 20,
) -> Lessons:
    """Until every replica has come to its last step or past a limit that no label mends, or the rounds are used up.

    A frame that is in doubt again right after its lesson ends its replica: the model does not learn it. Noise is each replica's
    own, so that a path that meets no doubt is the same with and without a teacher. What an ending proposes is counted within its
    round.
    """
    if plan.check_every != 1:
        raise InputError("learning on the fly needs the whole committee at every step; take check_every 1")
    noise = OwnStreams(replicas.seeds, sizes=replicas.frames.sizes)
    speed = maxwell(replicas.frames, replicas.temperatures, noise.first(), fixed=replicas.fixed)
    clock, taught_at = np.zeros(len(replicas), dtype=np.int64), np.full(len(replicas), -1)
    endings: dict[int, Ending] = {}
    met: list[Frames] = []
    taught: list[Frames] = []
    waiting = set(range(len(replicas)))
    while waiting and len(taught) < rounds:
        runs = simulate(
            potential, replicas, plan=plan, thermostat=thermostat, noise=noise, guards=guards, velocities=speed, clock=clock,
            ended=frozenset(range(len(replicas))) - waiting,
        )  # fmt: skip
        met.append(runs.frames)
        endings |= {ending.replica: ending for ending in runs.endings}
        asked = [e for e in runs.endings if e.proposed is not None and e.step > taught_at[e.replica]]
        if not asked:
            break
        taught.append(runs.frames[[e.proposed for e in asked if e.proposed is not None]])
        potential = teacher.learn(taught[-1])
        # one that leapt past the cap is a lesson too, but its own path is lost
        paused = [e for e in asked if e.reason == Ended.DOUBTFUL]
        replicas, speed, waiting = _at(replicas, runs.frames, paused), runs.velocities, {e.replica for e in paused}
        for ending in paused:
            clock[ending.replica] = taught_at[ending.replica] = ending.step
    return Lessons(Frames.concat(met), tuple(endings[i] for i in sorted(endings)), tuple(taught), potential)


def _at(replicas: Replicas, met: Frames, paused: Sequence[Ending]) -> Replicas:
    """The replicas that wait, at the frame at which they stopped."""
    places = replicas.frames.positions.copy()
    for ending in paused:
        assert ending.proposed is not None
        places[replicas.frames.atoms(ending.replica)] = met.positions[met.atoms(ending.proposed)]
    return replace(replicas, frames=replace(replicas.frames, positions=places))
