"""How good a model is, as the paper of DeepSCF asks: the density, the energy, the forces, and what the SCF is spared."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.density.model import DensityModel
from reactal.density.molecules import molecule
from reactal.density.oneshot import Stage
from reactal.density.reference import ReferenceDensity, mean_field
from reactal.units import HARTREE

__all__ = ["Case", "Summary", "evaluated", "iterations_from", "summary_of"]

Floats = NDArray[np.float64]
MILLI = 1e3 / HARTREE
WRONG_MHA = 5.0


@final
@dataclass(frozen=True)
class Case:
    """One molecule. rho_error: 100 * integral |error| / integral |residual|; rho_per_electron: integral |error| / electrons.

    Errors of the energies in mHa, mean of the absolute errors of force components in eV/angstrom (NaN without); seconds of the
    one-shot with its preparation and of the SCF, side by side; `trusted` by the guard, with its bound in mHa, else `because`.
    Of elements that were not trained on nothing is predicted: errors and bound are NaN, and the SCF begins as it always does.
    """

    formula: str
    atoms: int
    rho_error: float
    rho_per_electron: float
    fit_error: float
    harris_mha: float
    first_step_mha: float
    force_mae: float
    bound_mha: float
    trusted: bool
    iterations: int
    iterations_from_guess: int
    one_shot_seconds: float
    scf_seconds: float
    because: str | None = None

    @property
    def predicted(self) -> bool:
        return bool(np.isfinite(self.rho_error))


@final
@dataclass(frozen=True)
class Summary:
    """Means over cases; `guard_recall`: of the energies off by more than 5 mHa the share that the guard caught, 1 if none was;
    `trusted`: the share of all that was let pass. Of `refused` ones nothing was predicted: they count in `trusted` and in the
    iterations only."""

    cases: int
    refused: int
    rho_error: float
    rho_per_electron: float
    energy_mha: float
    first_step_mha: float
    force_mae: float
    guard_recall: float
    trusted: float
    iterations: float
    iterations_from_guess: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def evaluated(
    model: DensityModel,
    references: Sequence[ReferenceDensity],
    *,
    forces: bool = True,
    limit_mha: float = WRONG_MHA,
    tell: Callable[[int, int], None] | None = None,
) -> list[Case]:
    """A case for each reference density."""
    cases = []
    for number, one in enumerate(references):
        cases.append(_case(model, one, forces=forces, limit_mha=limit_mha))
        if tell is not None:
            tell(number + 1, len(references))
    return cases


def summary_of(cases: Sequence[Case]) -> Summary:
    """Of at least one case."""
    wrong = [case for case in cases if abs(case.harris_mha) > WRONG_MHA]
    return Summary(
        cases=len(cases),
        refused=sum(not case.predicted for case in cases),
        rho_error=_mean([case.rho_error for case in cases]),
        rho_per_electron=_mean([case.rho_per_electron for case in cases]),
        energy_mha=_mean([abs(case.harris_mha) for case in cases]),
        first_step_mha=_mean([abs(case.first_step_mha) for case in cases]),
        force_mae=_mean([case.force_mae for case in cases]),
        guard_recall=_mean([float(not case.trusted) for case in wrong]) if wrong else 1.0,
        trusted=_mean([float(case.trusted) for case in cases]),
        iterations=_mean([float(case.iterations) for case in cases]),
        iterations_from_guess=_mean([float(case.iterations_from_guess) for case in cases]),
    )


def iterations_from(reference: ReferenceDensity, density: Floats) -> int:
    """SCF iterations from a density matrix to convergence."""
    field = mean_field(molecule(reference.structure, reference.theory), reference.theory)
    field.kernel(dm0=density)
    return int(field.cycles)


def _case(model: DensityModel, one: ReferenceDensity, *, forces: bool, limit_mha: float) -> Case:
    if not set(one.structure.numbers) <= set(model.spec.elements):
        return _refused(one, str(model.guard.before(one.structure)))
    began = time.perf_counter()
    stage = Stage(one.structure, model.theory)
    predicted = model.predict(stage)
    shot = stage.run(predicted.coefficients)
    seconds = time.perf_counter() - began
    whole = stage.finished(shot) if forces else None
    bound = model.guard.bound_mha(shot.residual * MILLI, predicted.spread * MILLI)
    strange = model.guard.strange(one.structure)
    reason = model.guard.before(one.structure) or model.guard.after(bound_mha=bound, limit_mha=limit_mha, strange=strange)
    error, size, fit = _density_errors(stage, one, predicted.coefficients)
    return Case(
        formula=one.structure.formula,
        atoms=len(one.structure),
        rho_error=100 * error / size,
        rho_per_electron=error / stage.mole.nelectron,
        fit_error=100 * fit / size,
        harris_mha=(shot.harris - one.energy) * MILLI,
        first_step_mha=float("nan") if whole is None or whole.first_step is None else (whole.first_step - one.energy) * MILLI,
        force_mae=float("nan") if whole is None or whole.forces is None else float(np.abs(whole.forces - one.forces).mean()),
        bound_mha=bound,
        trusted=reason is None,
        because=reason,
        iterations=one.iterations,
        iterations_from_guess=iterations_from(one, shot.density),
        one_shot_seconds=seconds,
        scf_seconds=one.seconds,
    )


def _refused(one: ReferenceDensity, because: str) -> Case:
    """What the ordinary calculation takes over without a prediction."""
    unknown = float("nan")
    return Case(
        formula=one.structure.formula,
        atoms=len(one.structure),
        rho_error=unknown,
        rho_per_electron=unknown,
        fit_error=unknown,
        harris_mha=unknown,
        first_step_mha=unknown,
        force_mae=unknown,
        bound_mha=unknown,
        trusted=False,
        iterations=one.iterations,
        iterations_from_guess=one.iterations,
        one_shot_seconds=unknown,
        scf_seconds=one.seconds,
        because=because,
    )


def _density_errors(stage: Stage, one: ReferenceDensity, coefficients: Floats) -> tuple[float, float, float]:
    """Integrals of |predicted - true|, of |true| and of |fitted - true| residuals, on the whole grid, in blocks."""
    from pyscf.dft import numint

    residual = one.density - stage.atoms
    predicted = stage.coulomb.with_electrons(coefficients, stage.electrons_to_add)
    fitted = stage.residual_of(one.density)
    totals = np.zeros(3)
    for start in range(0, len(stage.grids.weights), 4000):
        points, weights = stage.grids.coords[start : start + 4000], stage.grids.weights[start : start + 4000]
        true = numint.eval_rho(stage.mole, numint.eval_ao(stage.mole, points), residual)
        functions = stage.coulomb.functions.eval_gto("GTOval_sph", points)
        totals += [np.abs(values) @ weights for values in (functions @ predicted - true, true, functions @ fitted - true)]
    return float(totals[0]), float(totals[1]), float(totals[2])


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
