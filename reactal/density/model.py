"""A committee of density networks with what they were trained on, as a folder: safetensors and JSON, never a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from reactal.density.exchange import POINTS, reaching
from reactal.density.guard import Guard
from reactal.density.layout import Layout
from reactal.density.lessons import Geometry
from reactal.density.network import build_network
from reactal.density.oneshot import Stage
from reactal.density.room import enough_memory
from reactal.density.settings import NetworkSpec
from reactal.density.theory import DensityTheory
from reactal.errors import DamagedPotential, InputError
from reactal.units import BOHR, HARTREE

__all__ = ["DensityModel", "Predicted", "elements_of"]

Floats = NDArray[np.float64]
SCHEMA = "density-model-1"
RIDGE = 1e-9  # of the largest overlap, where a network's points are fitted


@final
@dataclass(frozen=True, eq=False)
class Predicted:
    """coefficients (K,) of the residual density's fitting functions, the members' mean; spread in eV: the mean Coulomb energy
    of a member's difference from it, 0 of one alone."""

    coefficients: Floats
    spread: float


@final
@dataclass(frozen=True, eq=False)
class DensityModel:
    """Networks of one kind at one theory; `about` is shown and decides nothing."""

    theory: DensityTheory
    spec: NetworkSpec
    networks: tuple[Any, ...]
    guard: Guard
    about: Mapping[str, Any]

    def predict(self, stage: Stage) -> Predicted:
        """The residual density of a molecule. `UnknownElement` for elements that were not trained on, `NotEnoughMemory`."""
        geometry = Geometry.of(stage.structure)
        with torch.no_grad(), enough_memory(f"what the network says of {stage.structure.formula}"):
            each = np.stack([self._one(network, geometry, stage) for network in self.networks])
        mean = each.mean(axis=0)
        spread = float(np.mean([stage.coulomb.energy(one - mean) for one in each])) if len(each) > 1 else 0.0
        return Predicted(mean, spread * HARTREE)

    def _one(self, network: Any, geometry: Geometry, stage: Stage) -> Floats:
        said = network.coefficients([geometry])
        free = _fitted(network, geometry, stage) if said is None else said[0].double().numpy()
        return stage.coulomb.with_electrons(free, stage.electrons_to_add)

    def write(self, folder: Path) -> None:
        """Into a folder that may be there; the JSON comes last, so that a folder without it is no model."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        for number, network in enumerate(self.networks):
            state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
            save_file(state, str(folder / f"member-{number}.safetensors"))
        save_file(self.guard.tensors(), str(folder / "guard.safetensors"))
        shown = {
            "schema": SCHEMA,
            "theory": self.theory.as_json(),
            "network": self.spec.as_json(),
            "members": len(self.networks),
            "guard": self.guard.as_json(),
            "about": dict(self.about),
        }
        (folder / "density.json").write_text(json.dumps(shown, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> DensityModel:
        """`InputError` where there is no model, `DamagedPotential` where it is not as it was written."""
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        place = folder / "density.json"
        try:
            shown = json.loads(place.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"there is no density model in {folder}; make one with `reactal density train`") from error
        except ValueError as error:
            raise DamagedPotential(f"{place} is no JSON ({error}); train the model again or restore it from a copy") from error
        if shown.get("schema") != SCHEMA:
            raise DamagedPotential(f"{place} has the format {shown.get('schema')}, this version reads {SCHEMA}")
        try:
            theory, spec = DensityTheory.from_json(shown["theory"]), NetworkSpec(**shown["network"])
            layout = Layout(spec.elements, theory)
            networks = [build_network(spec, layout, seed=0) for _ in range(int(shown["members"]))]
            for number, network in enumerate(networks):
                network.load_state_dict(load_file(str(folder / f"member-{number}.safetensors")))
                network.eval()
            guard = Guard.from_parts(load_file(str(folder / "guard.safetensors")), shown["guard"])
            return cls(theory, spec, tuple(networks), guard, shown["about"])
        except (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
            cause = " ".join(str(error).split())[:200]
            raise DamagedPotential(f"the density model in {folder} is damaged ({cause}); train it again or restore it") from error


def _fitted(network: Any, geometry: Geometry, stage: Stage) -> Floats:
    """A field's coefficients: least squares on the grid around the atoms, in blocks, in one square."""
    from scipy.linalg import solve

    functions, grids = stage.coulomb.functions, stage.grids
    centre = stage.structure.positions.mean(axis=0) / BOHR
    points = torch.tensor(grids.coords - centre, dtype=torch.float32)
    values = network.values(geometry, points).double().numpy()
    square, right = np.zeros((functions.nao, functions.nao)), np.zeros(functions.nao)
    measure = np.maximum(grids.weights, 0.0)  # partition functions leave a few tiny negative ones
    for start in range(0, len(values), POINTS):
        part = slice(start, start + POINTS)
        near, at = reaching(functions, grids.coords[part])
        there = near.eval_gto("GTOval_sph", grids.coords[part])
        weighted = there * measure[part, None]
        square[np.ix_(at, at)] += weighted.T @ there
        right[at] += weighted.T @ values[part]
    np.fill_diagonal(square, square.diagonal() + RIDGE * float(square.diagonal().max()))
    return np.asarray(solve(square.T, right, assume_a="pos", overwrite_a=True, check_finite=False))


def elements_of(structures: Sequence[Any]) -> tuple[int, ...]:
    """Every element there is among them, ascending."""
    return tuple(sorted({number for structure in structures for number in structure.numbers}))
