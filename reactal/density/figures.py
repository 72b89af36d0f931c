"""Figures of residual densities: slices and isosurfaces, true against predicted, and errors of a whole evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from reactal.density.evaluation import Case
from reactal.density.model import DensityModel
from reactal.density.oneshot import Stage
from reactal.density.reference import ReferenceDensity

__all__ = ["LEVEL", "Residual", "draw_errors", "draw_isosurfaces", "draw_slices", "draw_timing", "isosurfaces", "slices"]

Floats = NDArray[np.float64]
MARGIN = 3.5  # bohr around the atoms
POINTS = 110  # along an edge of a slice
LEVELS = 25  # of colour in it
ZOOM = 1.7  # of the axes in three dimensions, around which Matplotlib leaves much room
VOXELS = 36  # along an edge of an isosurface's box
LEVEL = 0.02  # electrons for each bohr^3
MORE, LESS = "#0072b2", "#d55e00"


@final
class Residual:
    """Of one molecule: the residual density from the SCF and the predicted one, as functions of points (P, 3) in bohr."""

    def __init__(self, model: DensityModel, reference: ReferenceDensity) -> None:
        self.formula = reference.structure.formula
        self._stage = Stage(reference.structure, model.theory)
        self._true = reference.density - self._stage.atoms
        self._coefficients = model.predict(self._stage).coefficients

    @property
    def atoms(self) -> Floats:
        """(N, 3) in bohr."""
        return np.asarray(self._stage.mole.atom_coords())

    def true(self, points: Floats) -> Floats:
        from pyscf.dft import numint

        return np.asarray(numint.eval_rho(self._stage.mole, numint.eval_ao(self._stage.mole, points), self._true))

    def predicted(self, points: Floats) -> Floats:
        return np.asarray(self._stage.coulomb.functions.eval_gto("GTOval_sph", points) @ self._coefficients)


def slices(panels: Sequence[Any], residual: Residual, *, points: int = POINTS, ink: str = "black") -> Any:
    """In three panels, through the plane that most of the atoms lie in: true, predicted and their difference; what a bar of
    colours is to show."""
    atoms = residual.atoms
    centre, (first, second) = atoms.mean(axis=0), _plane(atoms)
    along, across = (atoms - centre) @ first, (atoms - centre) @ second
    half = max(np.abs(along).max(), np.abs(across).max()) + MARGIN
    axis = np.linspace(-half, half, points)
    x, y = np.meshgrid(axis, axis)
    places = centre + x.reshape(-1, 1) * first + y.reshape(-1, 1) * second
    true, predicted = (field(places).reshape(x.shape) for field in (residual.true, residual.predicted))
    most = float(np.quantile(np.abs(true), 0.995))
    levels = np.linspace(-most, most, LEVELS)
    shown = (("from the SCF", true), ("predicted", predicted), ("difference × 10", 10 * (predicted - true)))
    for panel, (title, values) in zip(panels, shown, strict=True):
        image = panel.contourf(x, y, values, levels=levels, cmap="RdBu", extend="both")
        panel.plot(along, across, "o", color=ink, markersize=3)
        panel.set(title=title, xlabel="bohr")
        panel.set_aspect("equal")
    return image


def isosurfaces(panels: Sequence[Any], residual: Residual, *, level: float = LEVEL, ink: str = "black") -> None:
    """In two panels with three axes: where electrons gathered (blue) and where they left (orange), true and predicted."""
    atoms = residual.atoms
    low, high = atoms.min(axis=0) - MARGIN, atoms.max(axis=0) + MARGIN
    axes = [np.linspace(low[i], high[i], VOXELS) for i in range(3)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    fields = (("from the SCF", residual.true), ("predicted", residual.predicted))
    for panel, (title, field) in zip(panels, fields, strict=True):
        values = field(points).reshape(VOXELS, VOXELS, VOXELS)
        for sign, colour in ((1, MORE), (-1, LESS)):
            _surface(panel, sign * values, level, axes, colour)
        panel.scatter(*atoms.T, color=ink, s=12)
        panel.set_title(title)
        panel.set_axis_off()
        panel.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
        panel.set_box_aspect(high - low, zoom=ZOOM)


def draw_slices(model: DensityModel, reference: ReferenceDensity, file: Path) -> None:
    """As a file of its own; so are the others."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4), layout="constrained")
    panels = figure.subplots(1, 3)
    residual = Residual(model, reference)
    figure.colorbar(slices(panels, residual), ax=panels, label="electrons / bohr³", format="%.2f")
    figure.suptitle(f"Residual density of {residual.formula}")
    _saved(figure, file)


def draw_isosurfaces(model: DensityModel, reference: ReferenceDensity, file: Path, *, level: float = LEVEL) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    residual = Residual(model, reference)
    isosurfaces(figure.subplots(1, 2, subplot_kw={"projection": "3d"}), residual, level=level)
    figure.suptitle(f"δρ of {residual.formula} at ±{level:g} electrons / bohr³")
    _saved(figure, file)


def draw_errors(cases: Sequence[Case], file: Path) -> None:
    """Each molecule's error of the density against that of its energy, and the guard's bound against the truth. At least one case
    must have been predicted; others are left out."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter

    cases = [case for case in cases if case.predicted]
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
    for axis in (left.xaxis, left.yaxis, right.xaxis, right.yaxis):
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter(NullFormatter())
    _saved(figure, file)


def draw_timing(atoms: Sequence[int], ratios: Sequence[float], file: Path) -> None:
    """How many times longer the SCF takes than one step, by the number of atoms."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(4.5, 3.4), layout="constrained")
    panel = figure.subplots()
    panel.plot(atoms, ratios, "o-", color=MORE)
    panel.axhline(1.0, color="black", linewidth=0.8)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.set(xlabel="atoms", ylabel="time of the SCF / time of one step", ylim=(0, None))
    _saved(figure, file)


def _plane(atoms: Floats) -> Floats:
    """Two directions (2, 3) across which atoms (N, 3) spread most."""
    _, _, directions = np.linalg.svd(atoms - atoms.mean(axis=0), full_matrices=True)
    return np.asarray(directions[:2])


def _surface(panel: Any, values: Floats, level: float, axes: Sequence[Floats], colour: str) -> None:
    """The surface's outline in every plane of the box: as much of it as needs no library to triangulate it."""
    x, y = np.meshgrid(axes[0], axes[1], indexing="ij")
    for plane, height in enumerate(axes[2]):
        if values[:, :, plane].max() > level > values[:, :, plane].min():
            panel.contour(x, y, values[:, :, plane], levels=[level], zdir="z", offset=height, colors=[colour], linewidths=0.7)


def _saved(figure: Any, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=150, metadata={"Software": None} if file.suffix == ".png" else {"Date": None})
