"""One round on the model: band, saddle, descents, dynamics. Everything it met is the pool to select from."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reactal.campaign.events import Explored, SaddleSummary
from reactal.campaign.state import CampaignState
from reactal.chem import Frames, Structure
from reactal.exploration.descent import Descent
from reactal.exploration.dynamics import langevin
from reactal.exploration.guards import Ended, Guards
from reactal.exploration.modes import rattle
from reactal.exploration.neb import Band, BandSettings, between, relax_band
from reactal.exploration.paths import align
from reactal.exploration.saddle import SaddlePoint
from reactal.potentials.base import Potential
from reactal.stages.bench import Bench
from reactal.stages.best_saddle import best_saddle
from reactal.stages.element_doubts import with_element_doubts
from reactal.stages.ends import Ends
from reactal.stages.explorers import frames_of_explorers
from reactal.stages.label import MODE, SADDLE
from reactal.stages.valley import VALLEY, deep_minima, find_valley
from reactal.stages.ways import WAY, points_on
from reactal.units import KCAL_PER_MOL

__all__ = ["explore"]

Floats = NDArray[np.float64]

MODE_STEP = (0.05, 0.12)  # angstrom along the saddle's mode: near enough that the reference must fall on both sides
NEAR_RATTLE = 0.03  # angstrom
NEAR_COUNT = 8


def explore(bench: Bench, state: CampaignState, *, iteration: int) -> Explored:
    """With the newest committee, from the band of the last round."""

    assert state.trained is not None and state.seeded is not None
    potential = bench.committee(state.trained.model)
    rule = bench.config.exploration
    reactant = bench.structure_of(state.seeded.reactant)
    ends = Ends(reactant, align(bench.structure_of(state.seeded.product), reactant))
    rng = bench.rng("explore", iteration)
    bench.progress.begin(f"explore {iteration}", total=4)
    start = bench.pools.get((state.explored or state.seeded).path).positions.reshape(-1, len(reactant), 3)
    settings = BandSettings(force_max=rule.band_force, cap=rule.band_cap)
    band = relax_band(potential, reactant, start, settings=settings, max_steps=rule.band_steps, rng=rng)
    bench.progress.update(1, {"barrier": round(_barrier(band), 2)})
    saddle, descents = best_saddle(bench, state, potential, band, ends)
    bench.progress.update(2)
    trust = state.calibrated.trust if state.calibrated else rule.trust
    valley = find_valley(bench, state, potential, band, descents=descents, ends=ends)
    parts = _path_parts(potential, reactant, band, saddle, descents, rng=rng)
    for descent in descents:
        on_way = points_on(saddle.positions, descent, bench.config.verification.way_points)
        parts.append(_with_role(reactant, on_way, WAY))
    if valley is not None:
        parts.append(_with_role(reactant, valley.structure.positions[None], VALLEY))
    moving, left = _dynamics(bench, potential, ends, band, saddle, trust=trust, rng=rng)
    bench.progress.update(3)
    moving += frames_of_explorers(
        bench, state, potential, _starts(ends, band, saddle), ends=Frames.of([ends.reactant, ends.product]), trust=trust,
        iteration=iteration,
    )  # fmt: skip
    by_element = bench.config.calibration.method == "elements"
    pool = _predicted(potential, Frames.concat([*parts, *moving]), by_element=by_element)
    both = potential.predict(Frames.of([ends.reactant, ends.product])).energy
    names = tuple(ends.name(d.positions) for d in descents)
    event = Explored(
        iteration=iteration,
        pool=bench.pools.put(pool),
        pool_size=len(pool),
        path=bench.pools.put(Frames.repeat(reactant, band.positions)),
        ends_ev=(float(both[0]), float(both[1])),
        band_barrier_kcal=_barrier(band),
        band_disagreement=float(band.spreads.max()),
        band_converged=band.converged,
        minima=tuple(kcal for _, kcal in deep_minima(band)),
        saddle=_summary(saddle, names, zero=float(both[0])),
        intermediate="other" in names,
        valley_kcal=valley and valley.kcal,
        through=valley and valley.through,
        replicas=len(moving) and rule.replicas,
        left_trust=left,
    )
    bench.progress.end(_line(event))
    return event


def _barrier(band: Band) -> float:
    return float((band.energies.max() - band.energies[0]) / KCAL_PER_MOL)


def _path_parts(
    potential: Potential,
    template: Structure,
    band: Band,
    saddle: SaddlePoint,
    descents: tuple[Descent, ...],
    *,
    rng: np.random.Generator,
) -> list[Frames]:
    """Band, points between its images, the saddle and its surroundings, the ways down from it."""
    inner = band.positions[1:-1]
    middles = between(template, band)
    parts = [_with_role(template, inner, "path"), _with_role(template, middles, "between")]
    if saddle.refused is not None:
        return [*parts, _with_role(template, band.positions[[band.climbing_index]], "top")]
    step = float(rng.uniform(*MODE_STEP)) * saddle.mode / np.linalg.norm(saddle.mode)
    sides = np.asarray([saddle.positions + step, saddle.positions - step])
    near = np.asarray([rattle(saddle.positions, NEAR_RATTLE, rng) for _ in range(NEAR_COUNT)])
    parts += [
        _with_role(template, saddle.positions[None], SADDLE),
        _with_role(template, sides, MODE),
        _with_role(template, near, "near saddle"),
    ]
    for descent in descents:
        parts.append(_with_role(template, descent.trajectory[1:-1:4], "descent"))
    return parts


def _with_role(template: Structure, positions: Floats, role: str) -> Frames:
    return Frames.repeat(template, positions, role=np.full(len(positions), role))


def _dynamics(
    bench: Bench,
    potential: Potential,
    ends: Ends,
    band: Band,
    saddle: SaddlePoint,
    *,
    trust: float,
    rng: np.random.Generator,
) -> tuple[list[Frames], int]:
    """Short runs from both ends, the saddle and the band; the frames met, and how many runs left the trust region."""
    rule = bench.config.exploration
    if not rule.replicas:
        return [], 0
    top = _top(band, saddle)
    inner = band.positions[1 + rng.permutation(len(band.positions) - 2)]
    starts = [ends.reactant.positions, ends.product.positions, top, *inner]
    frames = Frames.repeat(ends.reactant, np.asarray(starts[: rule.replicas]))
    runs = langevin(
        potential,
        frames,
        temperatures=np.full(len(frames), rule.temperature),
        steps=max(1, round(rule.dynamics_fs / rule.timestep)),
        timestep_fs=rule.timestep,
        friction=rule.friction_per_fs,
        guards=Guards(trust=trust, cap=max(rule.band_cap, trust)),
        rng=rng,
        stride=10,
    )
    met = runs.frames
    left = sum(ending.reason == Ended.DOUBTFUL for ending in runs.endings)
    plain = Frames.repeat(ends.reactant, met.positions.reshape(-1, len(ends.reactant), 3)) if len(met) else Frames.of([])
    return ([plain.with_extra(role=np.full(len(plain), "dynamics"))] if len(plain) else []), left


def _top(band: Band, saddle: SaddlePoint) -> Floats:
    """The saddle, or the climbing image where no saddle was found."""
    return band.climbing if saddle.refused is not None else saddle.positions


def _starts(ends: Ends, band: Band, saddle: SaddlePoint) -> Frames:
    """Where explorers begin: the ends, the saddle, then the band's images from both ends on."""
    return Frames.repeat(
        ends.reactant, [ends.reactant.positions, ends.product.positions, _top(band, saddle), *band.positions[1:-1]]
    )


def _predicted(potential: Potential, pool: Frames, *, by_element: bool) -> Frames:
    """The pool with what the model says of it."""
    said = potential.predict(pool)
    told = Frames(
        numbers=pool.numbers,
        positions=pool.positions,
        offsets=pool.offsets,
        charge=pool.charge,
        multiplicity=pool.multiplicity,
        energy=said.energy,
        forces=said.forces,
        cell=pool.cell,
        pbc=pool.pbc,
        extra={**pool.extra, "disagreement": said.disagreement(pool)},
    )
    return with_element_doubts(told, said.force_spread) if by_element else told


def _summary(saddle: SaddlePoint, names: tuple[str, ...], *, zero: float) -> SaddleSummary:
    ends = (names[0], names[1]) if len(names) == 2 else ("other", "other")
    return SaddleSummary(
        energy_kcal=(saddle.energy - zero) / KCAL_PER_MOL,
        negative_modes=saddle.negative_modes,
        lowest=tuple(float(value) for value in saddle.eigenvalues[:3]),
        disagreement=saddle.disagreement,
        joins=set(ends) == {"reactant", "product"},
        ends=ends,
        refused=saddle.refused,
    )


def _line(event: Explored) -> str:
    text = f"{event.pool_size} candidates, band barrier {event.band_barrier_kcal:.2f} kcal/mol"
    saddle = event.saddle
    if saddle is None:
        return text
    if saddle.refused is not None:
        return f"{text}; saddle refused: {saddle.refused}"
    joined = "joins both ends" if saddle.joins else f"joins {saddle.ends[0]} and {saddle.ends[1]}"
    return f"{text}; saddle {saddle.energy_kcal:.2f}, {saddle.negative_modes} negative mode(s), {joined}"
