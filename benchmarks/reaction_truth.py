"""A campaign's saddle held against Psi4's own: refined from there with Psi4's gradients, and Psi4's ways down from it.

None of these gradients is part of the campaign or counted.
"""

from __future__ import annotations

from typing import Any

__all__ = ["true_saddle"]

TRUE_SADDLE_STEPS = 25


def true_saddle(campaign: Any, *, descents: bool) -> dict[str, Any]:
    """Psi4's own saddle next to the model's: its barrier, the model's error against it, and what it joins."""
    from reactal.assembly import resources_of
    from reactal.chem import Label
    from reactal.exploration.saddle_refinement import refine_saddle
    from reactal.labeling.programs import make_labeler
    from reactal.units import KCAL_PER_MOL

    bench, state = campaign.bench, campaign.state
    start = bench.structure_of(state.tests[-1].key)
    reactant = bench.label_of(state.seeded.reactant)
    committee = campaign.potential.potential
    labeler = make_labeler(bench.theory, resources_of(campaign.config))

    def gradient(positions: Any) -> tuple[float, Any]:
        answer = labeler.compute(start.moved(positions))
        if not isinstance(answer, Label):
            raise ArithmeticError(answer.message)
        return answer.energy, answer.forces

    try:
        found = refine_saddle(gradient, start.positions, committee.hessian(start), max_steps=TRUE_SADDLE_STEPS, force_max=0.02)
        joined = psi4_joins(campaign, committee, start.moved(found.positions), found.hessian, labeler) if descents else None
    except ArithmeticError as error:
        return {"true_saddle": str(error)}
    finally:
        labeler.close()
    true_kcal = (found.energy - reactant.energy) / KCAL_PER_MOL
    return {
        "true_kcal": true_kcal,
        "error_against_true_kcal": state.tests[-1].model_kcal - true_kcal,
        "true_force_max": found.force_max,
        "true_converged": found.converged,
        **({} if joined is None else {"true_ends": joined}),
    }


def psi4_joins(campaign: Any, committee: Any, saddle: Any, hessian: Any, labeler: Any) -> list[str]:
    """The names of the ends that Psi4 comes to, downhill from its own saddle."""
    from dataclasses import replace

    from reactal.exploration.descent import descend
    from reactal.exploration.modes import vibrations
    from reactal.exploration.paths import align
    from reactal.exploration.saddle import find_saddle
    from reactal.stages.ends import Ends

    bench, seeded = campaign.bench, campaign.state.seeded
    reactant = bench.structure_of(seeded.reactant)
    ends = Ends(reactant, align(bench.structure_of(seeded.product), reactant))
    mode = vibrations(hessian, saddle.positions)[1][0].reshape(saddle.positions.shape)
    on_model = find_saddle(committee, saddle, saddle.positions)
    point = replace(on_model, positions=saddle.positions, mode=mode)
    return [ends.name(way.positions) for way in descend(ByLabels(labeler), saddle, point)]


class ByLabels:
    """A `Potential` that asks a labeler, structure by structure."""

    def __init__(self, labeler: Any) -> None:
        self._labeler = labeler

    def predict(self, frames: Any) -> Any:
        import numpy as np

        from reactal.potentials.base import Prediction

        answers = [self._labeler.compute(frames.structure(i)) for i in range(len(frames))]
        energies = np.asarray([getattr(answer, "energy", np.nan) for answer in answers])
        sizes = frames.sizes.tolist()
        forces = [getattr(answer, "forces", np.full((size, 3), np.nan)) for answer, size in zip(answers, sizes, strict=True)]
        return Prediction(energies, np.concatenate(forces), np.zeros(len(frames)), np.zeros(len(frames.numbers)))
