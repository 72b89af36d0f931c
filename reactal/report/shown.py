"""Structures in a report, and what is drawn of them. Lengths in angstrom, energies in kcal/mol above the reactant.

A structure is named by its place in `ReportData.structures`; -1 stands for one that the report does not hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

__all__ = [
    "DISTANCES",
    "LATENT",
    "Chart",
    "ControlCurve",
    "Exhibit",
    "Goal",
    "Line",
    "LineageRow",
    "MapPoints",
    "Mode",
    "Shown",
    "Stationary",
    "Table",
    "WorstRow",
]

DISTANCES = "inverse interatomic distances"
LATENT = "what the committee's networks make of a structure before their last layer"

Numbers = tuple[float, ...]
Rows = tuple[int, ...]


@final
@dataclass(frozen=True)
class Shown:
    """One structure: atomic numbers (N,), positions (3N,), and a line that says what it is."""

    name: str
    numbers: Rows
    positions: Numbers
    note: str = ""


@final
@dataclass(frozen=True)
class Stationary:
    """A minimum or saddle by its structure, with what the model and the reference say of it."""

    structure: int
    name: str
    model_kcal: float | None = None
    reference_kcal: float | None = None
    note: str = ""


@final
@dataclass(frozen=True)
class Mode:
    """The saddle's lowest mode on the model: displacements (3N,) of length one, and its wavenumber in cm⁻¹, imaginary ones
    negative."""

    structure: int
    displacements: Numbers
    wavenumber: float


@final
@dataclass(frozen=True)
class WorstRow:
    """A structure that was predicted badly before it was labelled: largest force error of an atom in eV/angstrom."""

    structure: int
    force_error_max: float
    disagreement: float | None
    iteration: int
    role: str = ""


@final
@dataclass(frozen=True)
class MapPoints:
    """Every structure in the two directions in which they differ most: principal components of `space`.

    `iteration` is the round that labelled it, -1 of what was explored last and not labelled; `energy_kcal` the reference's
    where it was labelled, else the model's; `role` what it was proposed as. `explained` is the share of the variance in each
    direction. The path is a line; marks are named. `thinned_from` counts what there was before thinning.
    """

    x: Numbers = ()
    y: Numbers = ()
    iteration: Rows = ()
    structures: Rows = ()
    energy_kcal: Numbers = ()
    role: tuple[str, ...] = ()
    path_x: Numbers = ()
    path_y: Numbers = ()
    marks: tuple[tuple[str, float, float], ...] = ()
    explained: Numbers = ()
    thinned_from: int = 0
    space: str = DISTANCES


@final
@dataclass(frozen=True)
class LineageRow:
    """One training: the dataset version and its rows, the model that came of it, and the mean force MAE of its members on
    what each held out, eV/angstrom."""

    iteration: int
    dataset: int
    rows: int
    model: str
    held_out: float | None = None
    restarts: int = 0


@final
@dataclass(frozen=True)
class ControlCurve:
    """Force MAE (eV/angstrom) on the same test of a model trained on structures drawn at random, against labels; `saved` are
    the labels that the active choice needed less for the same error."""

    labels: Numbers = ()
    force_mae: Numbers = ()
    active_labels: Numbers = ()
    active_force_mae: Numbers = ()
    saved: float | None = None


@final
@dataclass(frozen=True)
class Table:
    """Figures of a kind of their own, such as what a validation measured or how much was forgotten. The place for what a
    report does not know by name: cells are shown as they are."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


@final
@dataclass(frozen=True)
class Goal:
    """What was asked of the potential, and what became of it: `met`, `not met` or `not testable`, and why."""

    title: str
    value: str
    goal: str
    verdict: str
    why: str = ""


@final
@dataclass(frozen=True)
class Line:
    """Of a chart: y against x with one standard deviation where there is one; single points where `marks`."""

    name: str
    x: Numbers
    y: Numbers
    spread: Numbers = ()
    marks: bool = False
    structures: Rows = ()


@final
@dataclass(frozen=True)
class Chart:
    """A figure that the report does not know by name; axes are labelled with their units."""

    name: str
    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]


@final
@dataclass(frozen=True)
class Exhibit:
    """Something else to look at in three dimensions: one structure, several that follow each other, or one with
    displacements (3N,) to animate."""

    group: str
    name: str
    frames: Rows
    text: str = ""
    displacements: Numbers = ()
