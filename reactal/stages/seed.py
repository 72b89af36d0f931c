"""The first structures: ends relaxed at the reference, a path between them, its images rattled."""

from __future__ import annotations

import numpy as np

from reactal.campaign.events import Seeded
from reactal.campaign.state import CampaignState
from reactal.chem import Frames, Structure
from reactal.errors import ConfigError
from reactal.exploration.bonds import same_bonds
from reactal.exploration.modes import rattle
from reactal.exploration.paths import align
from reactal.stages.baseline import settled_baseline
from reactal.stages.bench import Bench
from reactal.stages.first_path import first_path
from reactal.stages.inheritance import require_inheritance
from reactal.stages.relaxing import RelaxedStructures, relax_together
from reactal.units import KCAL_PER_MOL

__all__ = ["RELAX", "seed"]

RELAX = "relax"  # role of structures that were labelled while the ends relaxed


def seed(bench: Bench, state: CampaignState) -> Seeded:
    """Spends two relaxations of labels and proposes the images of the path between."""
    rule = bench.config.seeding
    require_inheritance(bench)
    reactant, product = bench.config.ends
    product = align(product, reactant)
    bench.progress.begin("seed", total=2 * rule.relax_steps)
    ends = relax_together(
        [reactant, product],
        bench.label_pool(),
        max_steps=rule.relax_steps,
        force_max=rule.relax_force,
        progress=bench.progress,
    )
    if ends.failure is not None:
        return _stuck(ends, f"an end cannot be labelled: {ends.failure.kind}, {ends.failure.message}")
    (low_r, label_r), (low_p, label_p) = ends.best(0), ends.best(1)
    if same_bonds(low_r, low_p) and _nearly_same(low_r, low_p):
        return _stuck(ends, "reactant and product relax to the same molecule; one of them is no minimum of its own")
    rng = bench.rng("seed")
    path, made = first_path(low_r, align(low_p, low_r), rule, rng)
    way = Frames.repeat(low_r, path)
    try:
        baseline = settled_baseline(bench.config.training.baseline, bench.theory.program, way)
    except ConfigError as error:
        return _stuck(ends, str(error))
    images = [rattle(image, rule.rattle, rng) for image in path[1:-1]]
    proposed = Frames.repeat(low_r, np.asarray(images), role=np.full(len(images), "seed"), arm=np.full(len(images), "seed"))
    relaxed = Frames.of([s for s, _ in ends.order], role=np.full(len(ends.order), RELAX), arm=np.full(len(ends.order), "seed"))
    batch = Frames.concat([relaxed, proposed])
    event = Seeded(
        reactant=low_r.key,
        product=low_p.key,
        relaxed=(ends.converged[0], ends.converged[1]),
        labels=ends.asked,
        computed=ends.computed,
        reused=ends.reused,
        failed=0,
        core_seconds=ends.core_seconds,
        batch=bench.pools.put(batch),
        batch_size=len(batch),
        path=bench.pools.put(way),
        reference_kcal=(label_p.energy - label_r.energy) / KCAL_PER_MOL,
        baseline=baseline,
    )
    said = f"ends relaxed with {ends.asked} gradients, reaction energy {event.reference_kcal:z.1f} kcal/mol; {made}"
    bench.progress.end(said if baseline == "none" else f"{said}; models on top of {baseline}")
    return event


def _nearly_same(a: Structure, b: Structure) -> bool:
    moved = align(b, a).positions - a.positions
    return bool(np.linalg.norm(moved, axis=1).max() < 0.2)


def _stuck(ends: RelaxedStructures, problem: str) -> Seeded:
    return Seeded(
        reactant="",
        product="",
        relaxed=(False, False),
        labels=ends.asked,
        computed=ends.computed,
        reused=ends.reused,
        failed=int(ends.failure is not None),
        core_seconds=ends.core_seconds,
        batch="",
        batch_size=0,
        path="",
        reference_kcal=0.0,
        problem=problem,
    )
