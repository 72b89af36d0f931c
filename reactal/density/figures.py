"""Figures of residual densities: slices and isosurfaces, true against predicted, and errors of a whole evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reactal.density.evaluation import Case
from reactal.density.model import DensityModel
from reactal.density.oneshot import Stage
from reactal.density.reference import ReferenceDensity
from reactal.units import BOHR

__all__ = ["draw_errors", "draw_isosurfaces", "draw_slices", "draw_timing"]

Floats = NDArray[np.float64]
Field = Callable[[Floats], Floats]  # a density at points (P, 3) in bohr
MARGIN = 3.5  # bohr around the atoms
POINTS = 110  # along an edge of a slice
VOXELS = 36  # along an edge of an isosurface's box
LEVEL = 0.02  # electrons for each bohr^3
MORE, LESS = "#0072b2", "#d55e00"


def draw_slices(model: DensityModel, reference: ReferenceDensity, file: Path) -> None:
    """Through the plane that most of the atoms lie in: true, predicted and their difference."""
    from matplotlib.figure import Figure

    stage = Stage(reference.structure, model.theory)
    atoms, first, second = _plane(stage)
    along, across = (atoms - atoms.mean(axis=0)) @ first, (atoms - atoms.mean(axis=0)) @ second
    half = max(np.abs(along).max(), np.abs(across).max()) + MARGIN
    axis = np.linspace(-half, half, POINTS)
    x, y = np.meshgrid(axis, axis)
    points = atoms.mean(axis=0) + x.reshape(-1, 1) * first + y.reshape(-1, 1) * second
    true, predicted = (field(points).reshape(x.shape) for field in _fields(model, stage, reference))
    scale = float(np.quantile(np.abs(true), 0.995))
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    panels = figure.subplots(1, 3)
    shown = (("from the SCF", true, scale), ("predicted", predicted, scale), ("difference × 10", 10 * (predicted - true), scale))
    for panel, (title, values, most) in zip(panels, shown, strict=True):
        image = panel.imshow(values, extent=(-half, half, -half, half), origin="lower", cmap="RdBu", vmin=-most, vmax=most)
        panel.plot(along, across, "o", color="black", markersize=3)
        panel.set(title=title, xlabel="bohr")
        panel.set_aspect("equal")
    figure.colorbar(image, ax=panels, label="electrons / bohr³")
    figure.suptitle(f"Residual density of {reference.structure.formula}")
    _saved(figure, file)


def draw_isosurfaces(model: DensityModel, reference: ReferenceDensity, file: Path, *, level: float = LEVEL) -> None:
    """Where electrons gathered (blue) and where they left (orange), true and predicted side by side."""
    from matplotlib.figure import Figure

    stage = Stage(reference.structure, model.theory)
    atoms = stage.mole.atom_coords()
    low, high = atoms.min(axis=0) - MARGIN, atoms.max(axis=0) + MARGIN
    axes = [np.linspace(low[i], high[i], VOXELS) for i in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    figure = Figure(figsize=(8, 4), layout="constrained")
    for place, (title, field) in enumerate(zip(("from the SCF", "predicted"), _fields(model, stage, reference), strict=True)):
        values = field(points).reshape(VOXELS, VOXELS, VOXELS)
        panel: Any = figure.add_subplot(1, 2, place + 1, projection="3d")
        for sign, colour in ((1, MORE), (-1, LESS)):
            _surface(panel, sign * values, level, axes, colour)
        panel.scatter(*atoms.T, color="black", s=12)
        panel.set_title(title)
        panel.set_axis_off()
        panel.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
        panel.set_box_aspect(high - low)
    figure.suptitle(f"δρ of {reference.structure.formula} at ±{level:g} electrons / bohr³")
    _saved(figure, file)


def draw_errors(cases: Sequence[Case], file: Path) -> None:
    """Each molecule's error of the density against that of its energy, and the guard's bound against the truth."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for formula in sorted({case.formula for case in cases}):
        mine = [case for case in cases if case.formula == formula]
        left.loglog([case.rho_error for case in mine], [abs(case.harris_mha) + 1e-4 for case in mine], "o", label=formula)
    left.set(xlabel="δρ error, %", ylabel="Harris energy error, mHa")
    left.legend(frameon=False, fontsize=8)
    bounds, errors = [case.bound_mha for case in cases], [abs(case.harris_mha) + 1e-4 for case in cases]
    right.loglog(bounds, errors, "o", color=MORE)
    ends = [min([*bounds, *errors]), max([*bounds, *errors])]
    right.loglog(ends, ends, color="black", linewidth=0.8)
    right.set(xlabel="bound of the guard, mHa", ylabel="energy error, mHa")
    _saved(figure, file)


def draw_timing(atoms: Sequence[int], ratios: Sequence[float], file: Path) -> None:
    """How many times longer the SCF takes than one step, by the number of atoms."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.5, 3.4), layout="constrained")
    panel = figure.subplots()
    panel.plot(atoms, ratios, "o-", color=MORE)
    panel.axhline(1.0, color="black", linewidth=0.8)
    panel.set(xlabel="atoms", ylabel="time of the SCF / time of one step", ylim=(0, None))
    _saved(figure, file)


def _fields(model: DensityModel, stage: Stage, reference: ReferenceDensity) -> tuple[Field, Field]:
    from pyscf.dft import numint

    residual = reference.density - stage.atoms
    coefficients = model.predict(stage).coefficients

    def true(points: Floats) -> Floats:
        return np.asarray(numint.eval_rho(stage.mole, numint.eval_ao(stage.mole, points), residual))

    def predicted(points: Floats) -> Floats:
        return np.asarray(stage.coulomb.functions.eval_gto("GTOval_sph", points) @ coefficients)

    return true, predicted


def _plane(stage: Stage) -> tuple[Floats, Floats, Floats]:
    """Atoms (N, 3) in bohr and two directions across which they spread most."""
    atoms = np.asarray(stage.structure.positions) / BOHR
    _, _, directions = np.linalg.svd(atoms - atoms.mean(axis=0), full_matrices=True)
    return atoms, directions[0], directions[1]


def _surface(panel: Any, values: Floats, level: float, axes: Sequence[Floats], colour: str) -> None:
    """The surface's outline in every plane of the box: as much of it as needs no library to triangulate it."""
    x, y = np.meshgrid(axes[0], axes[1], indexing="ij")
    for plane, height in enumerate(axes[2]):
        if values[:, :, plane].max() > level > values[:, :, plane].min():
            panel.contour(x, y, values[:, :, plane], levels=[level], zdir="z", offset=height, colors=[colour], linewidths=0.7)


def _saved(figure: Any, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150, metadata={"Software": None} if file.suffix == ".png" else {"Date": None})
