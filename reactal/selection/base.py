"""What choosing works with: candidates as columns, what makes one worth a label, and which ones belong into one batch."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import ClassVar, Protocol, final

import numpy as np
from numpy.typing import NDArray

from reactal.errors import InputError

__all__ = ["Acquisition", "BatchChooser", "Candidates", "Known", "Round"]

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Rows = NDArray[np.int64]

SOURCE_OF = {  # what a column is called in front of people
    "energy_spread": "the spread of the members' energies",
    "member_energies": "the energies of each member",
    "member_outputs": "what each member says",
    "features": "features to measure distances in",
    "last_layer": "the features that the model's last layer sees",
    "progress": "positions along the path",
    "cost": "what each label would cost",
}


@final
@dataclass(frozen=True, eq=False)
class Candidates:
    """n structures that could be labelled, as columns. What the model or the pool cannot say is None.

    disagreement (n,) eV/angstrom, the largest force spread of an atom; energy (n,) eV; energy_spread (n,) eV;
    member_energies (M, n) eV; member_outputs (n, M, D), whatever the M members say of it, in one unit; features (n, F), in
    which euclidean distance says how different two structures are; last_layer (n, H), the input of the model's last linear
    layer summed over the atoms, in which the energy is linear; progress (n,) 0 at the reactant, 1 at the product;
    cost (n,) core-seconds of a label; source (n,) text.
    """

    disagreement: Floats
    energy: Floats
    energy_spread: Floats | None = None
    member_energies: Floats | None = None
    member_outputs: Singles | None = None
    features: Singles | None = None
    last_layer: Singles | None = None
    progress: Floats | None = None
    cost: Floats | None = None
    source: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        for column in fields(self):
            values = getattr(self, column.name)
            if values is not None and _rows(column.name, values) != len(self):
                raise InputError(
                    f"{len(self)} candidates have {_rows(column.name, values)} values of {column.name}; give one for each"
                )

    def __len__(self) -> int:
        return len(self.disagreement)

    def __getitem__(self, rows: Rows) -> Candidates:
        """Some of the rows, in the order asked for."""
        columns = {column.name: getattr(self, column.name) for column in fields(self)}
        return replace(
            self,
            **{
                name: values[:, rows] if name == "member_energies" else values[rows]
                for name, values in columns.items()
                if values is not None
            },
        )

    def usable(self) -> NDArray[np.bool_]:
        """Rows (n,) whose numbers are all finite: what a broken prediction says is no ground for choosing."""
        good = np.isfinite(self.disagreement) & np.isfinite(self.energy)
        for name in SOURCE_OF:
            values = getattr(self, name)
            if values is not None:
                good &= _all_finite(values.T if name == "member_energies" else values)
        return good

    def require(self, needs: tuple[str, ...], *, asked_by: str) -> None:
        """Refuse if one of the columns `needs` is not there."""
        missing = [SOURCE_OF[name] for name in needs if getattr(self, name) is None]
        if missing:
            raise InputError(f"{asked_by} needs {' and '.join(missing)}, which this pool lacks; choose another strategy")


@final
@dataclass(frozen=True, eq=False)
class Known:
    """What is labelled already, in the columns of the candidates: features (m, F), last_layer (m, H), energy (m,) eV."""

    features: Singles | None = None
    last_layer: Singles | None = None
    energy: Floats | None = None


@final
@dataclass(frozen=True)
class Round:
    """Where a campaign is: `spent` of its budget, 0 to 1, and what each round so far has yielded, newest last: the share
    by which the error fell, negative where it grew."""

    spent: float = 0.0
    yields: tuple[float, ...] = ()


class Acquisition(Protocol):
    """What a label of each candidate is worth, each by itself."""

    needs: ClassVar[tuple[str, ...]]
    """Columns of `Candidates` that must be there."""

    def scores(self, candidates: Candidates, *, known: Known, at: Round, rng: np.random.Generator) -> Floats:
        """Scores (n,), finite, the higher the more worth; their unit is the acquisition's own. All rows are usable.

        A permutation of the candidates permutes the scores; those that draw lots do so in distribution.
        """


class BatchChooser(Protocol):
    """Which candidates to label together."""

    needs: ClassVar[tuple[str, ...]]
    """Columns of `Candidates` that must be there."""

    def choose(self, candidates: Candidates, *, scores: Floats, count: int, known: Known, rng: np.random.Generator) -> Rows:
        """At most `count` different rows, in the order of choosing. All rows are usable, scores (n,) are finite.

        Fewer where fewer are left or where all that is left coincides with what is chosen.
        """


def _rows(name: str, values: NDArray[np.generic]) -> int:
    return int(values.shape[1] if name == "member_energies" else len(values))


def _all_finite(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Rows without NaN or infinity: a sum is not finite if a term is not, and needs no mask of the array's size."""
    total = values.sum(axis=tuple(range(1, values.ndim)), dtype=np.float64) if values.ndim > 1 else values
    return np.asarray(np.isfinite(total))
