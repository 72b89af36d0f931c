"""Steps and Hessian updates of quasi-Newton searches: down to a minimum, or up one mode to a saddle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["bfgs", "bofill", "downhill_step", "limited", "stiffened", "uphill_step", "with_curvature"]

Floats = NDArray[np.float64]


def bfgs(hessian: Floats, step: Floats, change: Floats) -> Floats:
    """Broyden-Fletcher-Goldfarb-Shanno update, damped (Powell 1978) so that the Hessian stays positive.

    `step` (3N,) is the move and `change` (3N,) what it did to the gradient.
    """
    curved = hessian @ step
    along = float(step @ curved)
    if along < 1e-12:
        return hessian
    measured = float(step @ change)
    share = 1.0 if measured >= 0.2 * along else 0.8 * along / (along - measured)
    pull = share * change + (1 - share) * curved
    return np.asarray(hessian - np.outer(curved, curved) / along + np.outer(pull, pull) / float(step @ pull))


def bofill(hessian: Floats, step: Floats, change: Floats) -> Floats:
    """Bofill, J. Comput. Chem. 1994, 15, 1: a mixture of symmetric rank one and Powell updates that keeps negative modes."""
    miss = change - hessian @ step
    squared, aligned, size = float(miss @ miss), float(miss @ step), float(step @ step)
    if size < 1e-16 or squared < 1e-20:
        return hessian
    share = aligned**2 / (squared * size)
    powell = (np.outer(miss, step) + np.outer(step, miss)) / size - aligned * np.outer(step, step) / size**2
    rank_one = np.outer(miss, miss) / aligned if abs(aligned) > 1e-10 else 0.0
    return np.asarray(hessian + share * rank_one + (1 - share) * powell)


def with_curvature(hessian: Floats, direction: Floats, bent: Floats) -> Floats:
    """The symmetric Hessian nearest to this one (Powell's update) that bends a unit `direction` (3N,) into `bent`."""
    miss = bent - hessian @ direction
    both = np.outer(miss, direction)
    return np.asarray(hessian + both + both.T - float(miss @ direction) * np.outer(direction, direction))


def downhill_step(hessian: Floats, gradient: Floats) -> Floats:
    """Rational function step (Banerjee et al., J. Phys. Chem. 1985, 89, 52) towards a minimum."""
    values, modes = np.linalg.eigh(hessian)
    along = modes.T @ gradient
    return np.asarray(modes @ (-along / (values - _shift(values, along))))


def stiffened(hessian: Floats, least: float) -> Floats:
    """The same modes, each with the size of its curvature and at least `least` (eV/angstrom^2): what a descent starts from."""
    values, modes = np.linalg.eigh(hessian)
    return np.asarray((modes * np.maximum(np.abs(values), least)) @ modes.T)


def uphill_step(values: Floats, modes: Floats, gradient: Floats, follow: int) -> Floats:
    """Partitioned rational function step: up along mode `follow`, down along all others.

    values (m,) and unit modes (m, 3N) of the Hessian; gradient (3N,).
    """
    along = modes @ gradient
    rest = np.arange(len(values)) != follow
    lift = 0.5 * (values[follow] + np.sqrt(values[follow] ** 2 + 4 * along[follow] ** 2))
    step = np.empty(len(values))
    step[follow] = -along[follow] / min(values[follow] - lift, -1e-8)
    step[rest] = -along[rest] / (values[rest] - _shift(values[rest], along[rest]))
    return np.asarray(step @ modes)


def limited(step: Floats, trust: float) -> Floats:
    """The step (3N,) shortened until no atom moves more than `trust` angstrom."""
    reach = float(np.linalg.norm(step.reshape(-1, 3), axis=1).max())
    return step * min(1.0, trust / max(reach, 1e-12))


def _shift(values: Floats, along: Floats) -> float:
    """Lowest eigenvalue of the Hessian bordered by the gradient: below all `values`, and zero where the gradient is."""
    n = len(values)
    if n == 0:
        return 0.0
    bordered = np.zeros((n + 1, n + 1))
    bordered[np.arange(n), np.arange(n)] = values
    bordered[n, :n] = bordered[:n, n] = along
    lowest = float(np.linalg.eigvalsh(bordered)[0])
    return min(lowest, float(values.min()) - 1e-6)
