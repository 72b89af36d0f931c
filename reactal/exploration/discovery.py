"""What a molecule may become, when nobody has said: pushed, pressed or heated on a model, then let go.

push, pull: an artificial force between two atoms drives them together or apart while all else relaxes (the spirit of AFIR: Maeda,
Morokuma, J. Chem. Theory Comput. 2011, 7, 2335). press: hot dynamics in a sphere that closes and opens (Wang et al., Nat. Chem.
2014, 6, 1044). heat: hot dynamics in a sphere that stays. Everything met on the way is relaxed without help; what then has other
bonds, or another shape, is a discovery.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.errors import InputError
from reactal.exploration.bonds import bonds
from reactal.exploration.contacts import bond_lengths, contact_ratios, least_contact
from reactal.exploration.dynamics import langevin
from reactal.exploration.guards import Guards
from reactal.exploration.lockstep import Search, in_lockstep
from reactal.exploration.modes import rattle
from reactal.exploration.relax import Relaxation
from reactal.exploration.relax_batch import relax_all
from reactal.exploration.species import same_species
from reactal.potentials.base import Potential, Prediction

__all__ = ["DISCOVERIES", "Discovery", "DiscoverySettings", "InSphere", "discover", "forced", "pairs_to_try"]

Floats = NDArray[np.float64]

DISCOVERIES = ("force", "press", "heat")
_SNAPSHOTS = 12  # of each replica that are relaxed


@final
@dataclass(frozen=True)
class DiscoverySettings:
    """How hard, how hot and how long."""

    force: float = 8.0  # eV/angstrom between two atoms that are pushed or pulled; half of it is tried as well
    force_steps: int = 80
    pairs: int = 60  # at most
    knock: float = 0.1  # angstrom: off lines and planes, along which a force between two atoms cannot lead
    near: float = 4.5  # angstrom: atoms further apart are not pushed together
    replicas: int = 8
    temperature: float = 3000.0  # K
    steps: int = 2000
    timestep: float = 0.25  # fs
    friction: float = 0.02  # 1/fs
    radius: float = 0.0  # angstrom, of the open sphere; 0: what holds the start with two angstrom to spare
    squeeze: float = 0.5  # of that radius, when it is closed
    periods: int = 4  # of press: open and closed once each
    cap: float = float("inf")  # eV/angstrom of disagreement beyond which nothing is believed


@final
@dataclass(frozen=True, eq=False)
class Discovery:
    """A minimum that was met. `how` it came about; energy eV."""

    structure: Structure
    energy: float
    how: str


@final
class InSphere:
    """A `Potential` with a wall: beyond `radius` (angstrom) from the structure's centroid a spring draws every atom back."""

    def __init__(self, inner: Potential, radius: float, *, stiffness: float = 2.0) -> None:
        self._inner, self._radius, self._stiffness = inner, radius, stiffness

    def predict(self, frames: Frames) -> Prediction:
        said = self._inner.predict(frames)
        energy, forces = np.array(said.energy, dtype=np.float64), np.array(said.forces, dtype=np.float64)
        for row in range(len(frames)):
            atoms = frames.atoms(row)
            arms = frames.positions[atoms] - frames.positions[atoms].mean(axis=0)
            distance = np.linalg.norm(arms, axis=1)
            beyond = np.maximum(distance - self._radius, 0.0)
            energy[row] += 0.5 * self._stiffness * float((beyond**2).sum())
            pull = -self._stiffness * (beyond / np.maximum(distance, 1e-9))[:, None] * arms
            forces[atoms] += pull - pull.mean(axis=0)  # the centroid moves with the atoms
        return replace(said, energy=energy, forces=forces)


def pairs_to_try(structure: Structure, settings: DiscoverySettings) -> tuple[tuple[int, int, float], ...]:
    """(i, j, +1 push together or -1 pull apart): every bond, and every pair that is no bond and not far apart; nearest first."""
    joined = bonds(structure)
    ratios = contact_ratios(structure.numbers, structure.positions)
    pairs = list(combinations(range(len(structure)), 2))
    distances = ratios * bond_lengths(structure.numbers)
    near = [(r, pair) for r, pair, d in zip(ratios, pairs, distances, strict=True) if pair in joined or d <= settings.near]
    return tuple((i, j, -1.0 if (i, j) in joined else 1.0) for _, (i, j) in sorted(near))[: settings.pairs]


def forced(
    potential: Potential, structure: Structure, pairs: Sequence[tuple[int, int, float]], settings: DiscoverySettings
) -> list[Structure | None]:
    """Where the structure ends under the force of each (i, j, eV/angstrom, positive together), None where nothing can be
    believed; one call of the potential a step for all pairs."""
    return in_lockstep(potential, [_under_force(structure, pair, settings) for pair in pairs])


def _under_force(structure: Structure, pair: tuple[int, int, float], settings: DiscoverySettings) -> Search[Structure | None]:
    """The force ends where the two touch, or are as far apart as three bonds; what relaxing makes of it comes later."""
    i, j, force = pair
    length = float(bond_lengths([structure.numbers[i], structure.numbers[j]])[0])
    search = Relaxation(structure, max_steps=settings.force_steps, force_max=0.05, trust=0.1, largest_trust=0.15)
    place = structure.positions
    while not search.done:
        place = search.ask()
        between = place[j] - place[i]
        distance = float(np.linalg.norm(between))
        if (force > 0 and distance < 0.95 * length) or (force < 0 and distance > 3.0 * length):
            break
        frames = Frames.repeat(structure, place)
        said = yield frames
        if not np.isfinite(said.energy[0]) or float(said.disagreement(frames)[0]) > settings.cap:
            return None
        pull = force * between / max(distance, 1e-9)
        forces = np.array(said.forces, dtype=np.float64)
        forces[i] += pull
        forces[j] -= pull
        search.tell(float(said.energy[0]) + force * distance, forces)
    return structure.moved(place) if least_contact(structure.numbers, place[None])[0] > 0.55 else None


def discover(
    potential: Potential,
    structure: Structure,
    method: str,
    *,
    settings: DiscoverySettings | None = None,
    rng: np.random.Generator,
) -> tuple[Discovery, ...]:
    """The start's own minimum first, then every other one that was met, each once, in the order of energy."""
    settings = settings or DiscoverySettings()
    home = relax_all(potential, [structure])[0]
    if not home.converged:
        raise InputError("the structure does not relax on the model; give a geometry closer to a minimum, or a better model")
    met: list[tuple[str, Structure]] = []
    if method == "force":
        pairs = pairs_to_try(home.structure, settings)
        start = home.structure.moved(rattle(home.structure.positions, settings.knock, rng))
        strengths = [(i, j, share * sign * settings.force) for share in (0.5, 1.0) for i, j, sign in pairs]
        for (i, j, force), end in zip(strengths, forced(potential, start, strengths, settings), strict=True):
            if end is not None:
                met.append((f"{'push' if force > 0 else 'pull'} {i + 1} {j + 1}", end))
    elif method in DISCOVERIES:
        met = _hot(potential, home.structure, settings, rng, pressed=method == "press")
    else:
        raise InputError(f"there is no way of discovery {method!r}; write one of: {', '.join(DISCOVERIES)}")
    rests = relax_all(potential, [place for _, place in met])
    found = [Discovery(home.structure, home.energy, "start")]
    for (how, _), rest in sorted(zip(met, rests, strict=True), key=lambda one: one[1].energy):
        believed = rest.converged and rest.disagreement <= settings.cap
        if believed and not any(same_species(rest.structure, one.structure) for one in found):
            found.append(Discovery(rest.structure, rest.energy, how))
    return tuple(found)


def _hot(
    potential: Potential, start: Structure, settings: DiscoverySettings, rng: np.random.Generator, *, pressed: bool
) -> list[tuple[str, Structure]]:
    """Snapshots of hot dynamics, some of each stretch, from whichever replicas are still running."""
    arms = np.linalg.norm(start.positions - start.positions.mean(axis=0), axis=1)
    radius = settings.radius or float(arms.max()) + 2.0
    stretches = [radius, settings.squeeze * radius] * settings.periods if pressed else [radius]
    steps = max(1, settings.steps // len(stretches))
    guards = Guards(
        trust=settings.cap, cap=settings.cap, energy_window=60.0, contact=0.5, temperature_factor=50.0, separation=30.0
    )
    met: list[tuple[str, Structure]] = []
    here = [start] * settings.replicas
    for number, wall in enumerate(stretches):
        runs = langevin(
            InSphere(potential, wall),
            Frames.of(here),
            temperatures=settings.temperature,
            steps=steps,
            timestep_fs=settings.timestep,
            friction=settings.friction,
            guards=guards,
            rng=rng,
            stride=max(1, steps // max(1, _SNAPSHOTS // len(stretches))),
        )
        word = f"{'pressed' if pressed else 'heated'}, stretch {number + 1}"
        places = list(runs.frames.structures())
        met += [(word, place) for place in places]
        here = places[-settings.replicas :] or here
    return met
