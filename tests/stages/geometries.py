"""Three hydrogen atoms on the way from H + H2 to H2 + H, and pools of them with predictions made by rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reactal.campaign.events import Explored, SaddleSummary, Seeded
from reactal.chem import Frames, Structure
from reactal.labeling.leps import leps
from reactal.stages.bench import Bench

REACTANT = Structure.from_symbols("HHH", [[0.0, 0.0, 0.0], [0.0, 0.0, 0.74], [0.0, 0.0, 2.8]], multiplicity=2)
PRODUCT = Structure.from_symbols("HHH", [[0.0, 0.0, 0.0], [0.0, 0.0, 2.06], [0.0, 0.0, 2.8]], multiplicity=2)
SADDLE = Structure.from_symbols("HHH", [[0.0, 0.0, 0.0], [0.0, 0.0, 0.926], [0.0, 0.0, 1.852]], multiplicity=2)
"""Of the LEPS surface (reactal/labeling/leps.py)."""
RULED_OUT = 99.0  # eV/angstrom; no such disagreement is inside any band


def moved(structure: Structure, along: float, *, sideways: float = 0.0) -> Structure:
    """The middle atom shifted (angstrom) along the axis and across."""
    return structure.moved(structure.positions + np.array([[0.0, 0.0, 0.0], [0.0, sideways, along], [0.0, 0.0, 0.0]]))


def pool_of(
    structures: Sequence[Structure],
    roles: Sequence[str],
    *,
    disagreement: float | Sequence[float] = 0.3,
    energy_off: float | Sequence[float] = 0.0,
    force_off: float = 0.0,
    **columns: Sequence[object],
) -> Frames:
    """As exploration leaves it; the model errs by `energy_off` (eV) and by `force_off` (eV/angstrom) in each component."""
    count = len(structures)
    truth = [leps(structure.positions) for structure in structures]
    plain = Frames.of(list(structures))
    return Frames(
        numbers=plain.numbers,
        positions=plain.positions,
        offsets=plain.offsets,
        charge=plain.charge,
        multiplicity=plain.multiplicity,
        energy=np.array([energy for energy, _ in truth]) + np.broadcast_to(energy_off, count),
        forces=np.concatenate([forces for _, forces in truth]) + force_off,
        extra={
            "role": np.asarray(roles),
            "disagreement": np.array(np.broadcast_to(disagreement, count), dtype=float),
            **{name: np.asarray(values) for name, values in columns.items()},
        },
    )


def seeded(bench: Bench) -> Seeded:
    """Both ends labelled as they are."""
    list(bench.label_pool().label([REACTANT, PRODUCT]))
    return Seeded(
        reactant=REACTANT.key,
        product=PRODUCT.key,
        relaxed=(True, True),
        labels=2,
        computed=2,
        reused=0,
        failed=0,
        core_seconds=0.0,
        batch="",
        batch_size=0,
        path="",
        reference_kcal=0.0,
    )


def explored(pool: str, *, ends_ev: tuple[float, float], modes: int = 1, joins: bool = True) -> Explored:
    saddle = SaddleSummary(
        energy_kcal=8.0,
        negative_modes=modes,
        lowest=(-2.0, 0.1, 0.3),
        disagreement=0.07,
        joins=joins,
        ends=("reactant", "product" if joins else "other"),
        refused=None,
    )
    return Explored(
        iteration=0,
        pool=pool,
        pool_size=1,
        path="",
        ends_ev=ends_ev,
        band_barrier_kcal=8.0,
        band_disagreement=0.1,
        band_converged=True,
        minima=(),
        saddle=saddle,
        intermediate=not joins,
        replicas=2,
        left_trust=0,
    )
