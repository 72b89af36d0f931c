"""From reference densities to a model: a committee taught one by one, and a guard that is held against what was kept out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, final

import numpy as np

from reactal.density.guard import Guard
from reactal.density.keeping import Keeper
from reactal.density.layout import Layout
from reactal.density.lessons import Lesson, lesson_of
from reactal.density.model import DensityModel, elements_of
from reactal.density.network import build_network
from reactal.density.oneshot import Stage
from reactal.density.reference import ReferenceDensity
from reactal.density.settings import Schooling
from reactal.density.training import CurvePoint, train_network
from reactal.errors import TooFewLabels
from reactal.units import HARTREE

__all__ = ["School", "Taught"]

CALIBRATED_WITH = 24  # structures at most
DRAWS = 200  # of what is held out, before too few geometries have some element
MILLI = 1e3 / HARTREE
Tell = Callable[[str, int, int], None]


@final
@dataclass(frozen=True, eq=False)
class Taught:
    """The model; for each member its curve; the rows of the references that no member learned from."""

    model: DensityModel
    curves: tuple[tuple[CurvePoint, ...], ...]
    held_out: tuple[int, ...]


@final
@dataclass(frozen=True)
class School:
    """Where a committee is made. `kept`: a folder for its members' states, so that a killed training goes on; None: none."""

    asked: Schooling
    kept: Path | None = None

    def teach(self, references: Sequence[ReferenceDensity], *, tell: Tell | None = None) -> Taught:
        """`tell(what, done, of)` as it goes. Raises `TooFewLabels` and `TrainingDiverged`."""
        if len(references) < 4:
            raise TooFewLabels(f"{len(references)} densities are too few to learn from; give four or more geometries")
        asked, theory = self.asked, references[0].theory
        spec = replace(asked.spec, elements=elements_of([one.structure for one in references]))
        held_out = self._held_out(references)
        lessons = self._lessons(references, tell)
        taught = [lesson for row, lesson in enumerate(lessons) if row not in held_out]
        judged = [lessons[row] for row in held_out]
        layout = Layout(spec.elements, theory)
        networks, curves = [], []
        for member in range(asked.members):
            plan = replace(asked.plan, seed=asked.plan.seed * 1000 + member, minutes=asked.plan.minutes / asked.members)
            network = build_network(spec, layout, seed=plan.seed)

            def curve(point: CurvePoint, member: int = member) -> None:
                if tell is not None:
                    tell(f"member {member}, {point.rho_error:.1f} % error", point.step, asked.plan.steps)

            keeper = self._keeper(references, member)
            curves.append(train_network(network, spec, taught, judged, plan=plan, keeper=keeper, tell=curve))
            networks.append(network.cpu())
        guard = Guard.of([one.structure for row, one in enumerate(references) if row not in held_out])
        model = DensityModel(theory, spec, tuple(networks), guard, self._about(references, curves))
        return Taught(self._guarded(model, [references[row] for row in held_out], tell), tuple(curves), tuple(held_out))

    def _held_out(self, references: Sequence[ReferenceDensity]) -> list[int]:
        """At least two, drawn by the plan's seed until each element is in one of the others."""
        count, elements = len(references), [set(one.structure.numbers) for one in references]
        wanted = max(2, round(self.asked.hold_out * count))
        generator = np.random.default_rng((self.asked.plan.seed, 2))
        for _ in range(DRAWS):
            drawn = set(generator.choice(count, size=wanted, replace=False).tolist())
            if set().union(*elements) == set().union(*(elements[row] for row in range(count) if row not in drawn)):
                return sorted(drawn)
        raise TooFewLabels(
            f"some element is in too few of {count} densities to be learned and judged; give more geometries of it"
        )

    def _lessons(self, references: Sequence[ReferenceDensity], tell: Tell | None) -> list[Lesson]:
        lessons = []
        for row, one in enumerate(references):
            lessons.append(lesson_of(one, points=self.asked.plan.points, seed=row))
            if tell is not None:
                tell("densities fitted", row + 1, len(references))
        return lessons

    def _keeper(self, references: Sequence[ReferenceDensity], member: int) -> Keeper | None:
        return None if self.kept is None else Keeper(self.kept / f"member-{member}.safetensors", self._job(references, member))

    def _job(self, references: Sequence[ReferenceDensity], member: int) -> str:
        asked = self.asked
        parts = [
            repr((asked.spec, asked.plan, member, asked.members, asked.hold_out)),
            *(one.structure.key for one in references),
        ]
        return hashlib.sha256("|".join(parts).encode()).hexdigest()

    def _about(self, references: Sequence[ReferenceDensity], curves: Sequence[Sequence[CurvePoint]]) -> dict[str, Any]:
        return {
            "molecules": sorted({one.structure.formula for one in references}),
            "rows": len(references),
            "plan": asdict(self.asked.plan),
            "rho_error_held_out": [min(point.rho_error for point in curve) for curve in curves],
        }

    def _guarded(self, model: DensityModel, references: Sequence[ReferenceDensity], tell: Tell | None) -> DensityModel:
        """With a guard that has seen how far the energy was off where nothing was learned."""
        chosen = references[:CALIBRATED_WITH]
        errors, residuals = [], []
        for row, one in enumerate(chosen):
            stage = Stage(one.structure, model.theory)
            predicted = model.predict(stage)
            shot = stage.run(predicted.coefficients)
            errors.append((shot.harris - one.energy) * MILLI)
            residuals.append(max(shot.residual, predicted.spread) * MILLI)
            if tell is not None:
                tell("guard held against energies", row + 1, len(chosen))
        about = {**model.about, "energy_error_mha_held_out": float(np.mean(np.abs(errors)))}
        return replace(model, guard=model.guard.calibrated(errors, residuals), about=about)
