"""What tonight's labels are chosen from: the inbox as the champion sees it, and what its own dynamics meets."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, LabelFailure
from reactal.exploration.dynamics import langevin
from reactal.exploration.guards import Ended, Guards
from reactal.potentials.base import Potential
from reactal.refinement.events import Arrival, Gathered, Opened
from reactal.refinement.inbox import Entry, Kind
from reactal.refinement.scene import Scene
from reactal.selection.acquisition import DoubtfulBand
from reactal.selection.batch import SelectionSettings, select
from reactal.stages.validate import stationary_points

__all__ = ["ACTIVE", "DROPPED_IN", "TEST", "gather"]

DROPPED_IN, TRAJECTORY, WEAK = "dropped in", "trajectory", "weak spot"
ACTIVE, TEST = "active", "test"
DOUBTFUL_FROM = 0.03  # eV/angstrom, as in a campaign
DROPPED_SHARE = 0.5  # of what is chosen actively, as long as people dropped so much
ANYTHING = 1e6  # eV/angstrom: what people drop in is real, however far the model is off there

Rows = NDArray[np.int64]


def gather(scene: Scene, opened: Opened) -> Gathered:
    """Predicted by the champion, chosen within tonight's number of labels, in an order whose beginning is a fair sample."""
    scene.bench.progress.begin("gather")
    potential = scene.committee(opened.champion)
    known = scene.known(opened.base)
    tests = scene.tests(opened.tests)
    taken = Frames.concat([known, tests]) if len(tests) else known
    arrivals, parts, starts = _arrived(scene, potential, set(taken.keys()))
    weak, left = _weak_spots(scene, potential, starts, opened)
    pool = Frames.concat([*parts, *([_told(potential, weak, WEAK)] if len(weak) else [])])
    chosen, dropped = _chosen(scene, opened, pool, taken) if len(pool) and opened.plan.labels else (Frames.of([]), {})
    event = Gathered(
        arrivals=arrivals,
        trust=scene.trust,
        weak_spots=len(weak),
        left_trust=left,
        candidates=len(pool),
        batch=scene.bench.pools.put(chosen),
        batch_size=len(chosen),
        dropped=dropped,
    )
    scene.bench.progress.end(f"{len(pool)} candidates, {sum(a.outside for a in arrivals)} of them outside the trust region; "
                             f"{len(chosen)} to label")  # fmt: skip
    return event


def _arrived(scene: Scene, potential: Potential, known: set[str]) -> tuple[tuple[Arrival, ...], list[Frames], Frames]:
    """Each entry's figures, its candidates, and structures to start dynamics from."""
    arrivals, parts, starts = [], [], []
    for entry in scene.inbox.entries():
        frames = scene.inbox.frames(entry)
        new = np.asarray([key not in known for key in frames.keys()], dtype=bool)  # noqa: SIM118 not a mapping
        fresh = _told(potential, frames[new], DROPPED_IN if entry.kind is Kind.STRUCTURES else TRAJECTORY)
        doubt = np.asarray(fresh.extra["disagreement"], dtype=np.float64)
        outside = ~(doubt <= scene.trust)  # where the model has no finite answer, too
        arrivals.append(_arrival(entry, new, outside, doubt))
        candidates = fresh if entry.kind is Kind.STRUCTURES else fresh[outside]
        if len(candidates):
            parts.append(_without_failures(scene, candidates))
        if len(fresh):
            starts.append(fresh[[int(np.argmax(doubt))]])
        known.update(frames.keys())
    return tuple(arrivals), [part for part in parts if len(part)], Frames.concat(starts)


def _arrival(entry: Entry, new: NDArray[np.bool_], outside: NDArray[np.bool_], doubt: NDArray[np.float64]) -> Arrival:
    return Arrival(
        name=entry.name,
        kind=str(entry.kind),
        file=entry.file,
        frames=entry.frames,
        known=int((~new).sum()),
        outside=int(outside.sum()),
        disagreement=float(np.median(doubt)) if len(doubt) else 0.0,
    )


def _without_failures(scene: Scene, frames: Frames) -> Frames:
    """What failed to be labelled before would fail again, night after night."""
    outcomes = scene.bench.labels.get_many(scene.bench.theory.fingerprint, frames.keys())
    good = [not isinstance(outcomes.get(key), LabelFailure) for key in frames.keys()]  # noqa: SIM118 not a mapping
    return frames[np.asarray(good, dtype=bool)]


def _weak_spots(scene: Scene, potential: Potential, arrived: Frames, opened: Opened) -> tuple[Frames, int]:
    """Frames of short runs from the ends, the saddle, and the most doubtful of what came in; runs that left the trust region."""
    rule, plan = scene.bench.config.exploration, opened.plan
    points = stationary_points(scene.bench, scene.state)
    begin = [scene.ends.reactant, scene.ends.product, *([points[1]] if points else []), *arrived.structures()]
    if not plan.replicas or not plan.labels:
        return Frames.of([]), 0
    frames = Frames.of([begin[i % len(begin)] for i in range(plan.replicas)])
    runs = langevin(
        potential,
        frames,
        temperatures=np.full(len(frames), rule.temperature),
        steps=max(1, round(plan.dynamics_fs / rule.timestep)),
        timestep_fs=rule.timestep,
        friction=rule.friction_per_fs,
        guards=Guards(trust=scene.trust, cap=max(rule.band_cap, scene.trust)),
        rng=scene.rng("weak spots"),
    )
    left = sum(ending.reason == Ended.DOUBTFUL for ending in runs.endings)
    return runs.frames, left


def _told(potential: Potential, frames: Frames, role: str) -> Frames:
    """With what the champion says, as selection wants it."""
    if not len(frames):
        return replace(frames, extra={"disagreement": np.zeros(0)})
    said = potential.predict(frames)
    words = np.full(len(frames), role)
    told = replace(frames, energy=said.energy, forces=said.forces, extra={"role": words, "source": words})
    return told.with_extra(disagreement=said.disagreement(frames), energy_predicted=said.energy)


def _chosen(scene: Scene, opened: Opened, pool: Frames, taken: Frames) -> tuple[Frames, dict[str, int]]:
    """By lot for the tests, then what people dropped in, then the doubtful and different of all."""
    plan, rng = opened.plan, scene.rng("select")
    rows: list[int] = []
    arms: list[str] = []
    dropped: Counter[str] = Counter()
    active = plan.labels - min(plan.labels, max(1, round(plan.test_share * plan.labels)))
    of_people = round(DROPPED_SHARE * active)
    source = np.asarray(pool.extra["source"])
    turns = (
        (TEST, plan.labels - active, 1.0, None, ANYTHING),
        (ACTIVE, of_people, 0.0, source == DROPPED_IN, ANYTHING),
        (ACTIVE, active, 0.0, source != DROPPED_IN, _cap(scene)),
        (ACTIVE, active, 0.0, source == DROPPED_IN, ANYTHING),
    )
    for arm, count, by_lot, mask, cap in turns:
        free = np.setdiff1d(np.arange(len(pool)) if mask is None else np.flatnonzero(mask), rows)
        count = min(count, plan.labels - len(rows))
        if count <= 0 or not len(free):
            continue
        found = select(
            pool[free],
            dataset=Frames.concat([taken, pool[rows]]) if rows else taken,
            size=count,
            random_share=by_lot,
            settings=_settings(scene, cap),
            rng=rng,
        )
        rows += free[found.rows].tolist()
        arms += [arm] * len(found.rows)
        dropped.update(found.dropped)
    if ACTIVE not in arms:  # tests alone teach nothing
        return Frames.of([]), dict(dropped)
    order = rng.permutation(len(rows))  # whichever limit ends the labels, tests and lessons are cut alike
    batch = pool[np.asarray(rows, dtype=np.int64)[order]]
    return batch.with_extra(arm=np.asarray(arms)[order]), dict(dropped)


def _cap(scene: Scene) -> float:
    """Disagreement (eV/angstrom) above which a frame of the model's own dynamics is a dream."""
    return max(scene.bench.config.exploration.band_cap, scene.trust)


def _settings(scene: Scene, cap: float) -> SelectionSettings:
    config = scene.bench.config
    return SelectionSettings(
        duplicate=config.selection.duplicate,
        band=DoubtfulBand(DOUBTFUL_FROM, cap),
        energy_window=config.training.energy_limit,
        fill=False,  # a label for what the model is sure of is not worth a night's money
    )
