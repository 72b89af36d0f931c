"""A valley of the band that belongs to neither end: found on the model, then asked of the reference.

A barrier that is really two cannot be verified as one. What tells them apart is whether the reference, too, has a minimum
there. The model walks there by itself, one label a round; once the reference all but agrees, it relaxes the rest of the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.campaign.events import ValleyProbe
from reactal.campaign.state import CampaignState
from reactal.chem import Frames, Structure
from reactal.exploration.bonds import same_bonds
from reactal.exploration.descent import Descent
from reactal.exploration.hessian import hessian_of
from reactal.exploration.neb import Band
from reactal.exploration.profile import profile_extrema
from reactal.exploration.quasi_newton import stiffened
from reactal.exploration.relax import Relaxation
from reactal.potentials.base import Potential
from reactal.stages.bench import Bench
from reactal.stages.ends import Ends
from reactal.stages.relaxing import RelaxedStructures, relax_together
from reactal.units import KCAL_PER_MOL

__all__ = ["VALLEY", "Valley", "deep_minima", "find_valley", "probe_valley", "visited_frames"]

VALLEY = "valley"  # role of the structure from which the reference relaxes
DEEP = 1.5  # kcal/mol; a shallower dip of the band is no intermediate
STEPS = 120  # on the model, from the band's image down
SLOPE = 0.05  # eV/angstrom where the model's valley ends
SOFTEST = 0.3  # eV/angstrom^2; the model's curvatures are trusted down to this

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Valley:
    """The deepest valley with the bonds of neither end. `through`: the key of the known intermediate that has its bonds."""

    structure: Structure
    kcal: float
    through: str | None


def deep_minima(band: Band) -> tuple[tuple[int, float], ...]:
    """(image, kcal/mol above the first) of each inner minimum that is deep enough to matter."""
    _, minima = profile_extrema(band.energies, least_depth=DEEP * KCAL_PER_MOL)
    return tuple((dip.index, (dip.energy - float(band.energies[0])) / KCAL_PER_MOL) for dip in minima)


def find_valley(
    bench: Bench,
    state: CampaignState,
    potential: Potential,
    band: Band,
    *,
    descents: Sequence[Descent],
    ends: Ends,
) -> Valley | None:
    """Where a descent from the saddle ended, else down from the band's lowest inner minimum, if it is neither end."""
    zero, cap = float(band.energies[0]), bench.config.exploration.saddle_cap
    ways = [way for way in descents if way.disagreement <= cap and ends.between(way.positions)]
    if ways:
        lowest = min(ways, key=lambda way: way.energy)
        return _named(bench, state, ends.reactant.moved(lowest.positions), (lowest.energy - zero) / KCAL_PER_MOL)
    return _dip(bench, state, potential, band, ends)


def _dip(bench: Bench, state: CampaignState, potential: Potential, band: Band, ends: Ends) -> Valley | None:
    """Relaxed on the model where it can be believed, else as the band has it."""
    template, rule = ends.reactant, bench.config.exploration
    inside = [(kcal, image) for image, kcal in deep_minima(band) if float(band.spreads[image]) <= rule.band_cap]
    dips = [(kcal, image) for kcal, image in inside if ends.between(band.positions[image])]
    if not dips:
        return None
    kcal, image = min(dips)
    start = template.moved(band.positions[image])
    relaxed = _relaxed(potential, start, cap=rule.saddle_cap)
    return _named(bench, state, relaxed if relaxed is not None and ends.between(relaxed.positions) else start, kcal)


def _named(bench: Bench, state: CampaignState, found: Structure, kcal: float) -> Valley:
    known = (bench.structure_of(probe.key) for probe in state.probes if probe.intermediate)
    return Valley(found, kcal, next((other.key for other in known if same_bonds(found, other)), None))


def probe_valley(
    bench: Bench, state: CampaignState, start: Structure, *, predicted_ev: float, steps: int
) -> tuple[ValleyProbe, RelaxedStructures]:
    """Label it, and from the second step on relax it with the labeler.

    `predicted_ev`: the model's energy of it above the reactant, from before.
    """
    assert state.seeded is not None
    found = relax_together(
        [start],
        bench.label_pool(),
        max_steps=steps,
        force_max=bench.config.seeding.relax_force,
        progress=bench.progress,
        hessian=_curvatures(bench, state, start) if steps > 1 else None,
    )
    reactant = bench.label_of(state.seeded.reactant)
    ends = Ends(bench.structure_of(state.seeded.reactant), bench.structure_of(state.seeded.product))
    if not found.visited[0]:
        return ValleyProbe(key=start.key, intermediate=False, relaxed=steps > 1), found
    first, (low, answer) = found.visited[0][0][1], found.best(0)
    return ValleyProbe(
        key=low.key,
        kcal=(answer.energy - reactant.energy) / KCAL_PER_MOL,
        start_error_kcal=(predicted_ev - (first.energy - reactant.energy)) / KCAL_PER_MOL,
        force_max=float(np.linalg.norm(answer.forces, axis=1).max()),
        intermediate=found.converged[0] and ends.between(low.positions),
        relaxed=steps > 1,
    ), found


def visited_frames(found: RelaxedStructures) -> Frames:
    """Every structure that was paid for, with its label."""
    structures, labels = [structure for structure, _ in found.order], [label for _, label in found.order]
    return Frames.of(structures, labels, role=np.full(len(labels), VALLEY), arm=np.full(len(labels), "test"))


def _curvatures(bench: Bench, state: CampaignState, start: Structure) -> Floats | None:
    """The model's, which knows the soft modes that a guess does not."""
    if state.trained is None:
        return None
    return stiffened(hessian_of(bench.committee(state.trained.model), start, start.positions), SOFTEST)


def _relaxed(potential: Potential, start: Structure, *, cap: float) -> Structure | None:
    """None where the way down leads out of what the committee knows."""
    search = Relaxation(start, max_steps=STEPS, force_max=SLOPE, largest_trust=0.1)
    while not search.done:
        frames = Frames.of([start.moved(search.ask())])
        said = potential.predict(frames)
        if float(said.disagreement(frames)[0]) > cap:
            return None
        search.tell(float(said.energy[0]), said.forces)
    return start.moved(search.positions)
