"""The committee as an ASE calculator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from reactal.chem import Frames
from reactal.chem.convert import from_ase, state_of
from reactal.potentials.base import Potential
from reactal.potentials.committee import Committee
from reactal.potentials.export import read_committee

__all__ = ["ReactalCalculator", "calculator_of", "load_potential"]


class ReactalCalculator(Calculator):
    """`results` holds energy (eV), forces (eV/angstrom), and the members' disagreement: energy_spread (eV),
    force_spread (N,) (eV/angstrom, an atom each). `charge` and `multiplicity` are of atoms whose `info` names none."""

    implemented_properties: list[str] = ["energy", "free_energy", "forces", "energy_spread", "force_spread"]  # noqa: RUF012

    def __init__(self, potential: Potential, *, charge: int = 0, multiplicity: int = 1, **rest: Any) -> None:
        super().__init__(**rest)  # type: ignore[no-untyped-call]
        self.potential = potential
        self.charge, self.multiplicity = charge, multiplicity

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        assert self.atoms is not None  # ASE sets them
        charge, multiplicity = state_of(self.atoms, charge=self.charge, multiplicity=self.multiplicity)
        structure = from_ase(self.atoms, charge=charge, multiplicity=multiplicity)
        prediction = self.potential.predict(Frames.of([structure]))
        energy = float(prediction.energy[0])
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": prediction.forces,
            "energy_spread": float(prediction.energy_spread[0]),
            "force_spread": prediction.force_spread,
        }


def calculator_of(committee: Committee) -> ReactalCalculator:
    """For atoms of the charge and multiplicity that the committee was trained on, where they do not name their own."""
    about = committee.about
    return ReactalCalculator(committee, charge=int(about.get("charge", 0)), multiplicity=int(about.get("multiplicity", 1)))


def load_potential(where: str | Path, *, device: str = "cpu") -> ReactalCalculator:
    """The model in a folder written by reactal, at a URL in a store, or in MLflow's registry (`models:/sn2@champion`, asked at
    MLFLOW_TRACKING_URI), as an ASE calculator. It computes on a GPU where there is one; `device` is auto, cpu, cuda or cuda:1."""
    return calculator_of(read_committee(where, device=device))
