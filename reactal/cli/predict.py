"""`reactal predict`: energies, forces and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from reactal.cli.output import JsonOption, console, emit, say
from reactal.cli.potentials import DEVICE, DeviceOption, of_campaign

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import RenderableType

    from reactal.chem import Frames
    from reactal.potentials.committee import Committee

    Floats = NDArray[np.float64]

__all__ = ["predict"]

FORCE_ERROR = 1.0  # eV/angstrom; exploration.trust_error of a campaign
MOST_LINES = 20  # of the table; the file has them all
UNCALIBRATED_TRUST = 1.0  # eV/angstrom of disagreement; exploration.trust of a campaign


@final
@dataclass(frozen=True)
class _Trust:
    """Up to which disagreement (eV/angstrom) a prediction is inside, and the factor to the error's bound where calibrated."""

    disagreement: float
    factor: float | None
    coverage: float | None

    def as_json(self) -> dict[str, Any]:
        return {"disagreement_ev_per_ang": self.disagreement, "factor": self.factor, "coverage": self.coverage}


def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Folder or URL of a model; or a campaign file.")],
    frames: Annotated[Path, typer.Argument(metavar="FRAMES", help="Geometries in any format that ASE reads.")],
    out: Annotated[Path, typer.Option(help="Where to write energies (eV), forces (eV/Å), disagreement, bound, inside.")],
    force_error: Annotated[float, typer.Option(min=0.0, help="Inside: the force error stays below this, eV/Å.")] = FORCE_ERROR,
    charge: Annotated[int | None, typer.Option(help="Total charge; without it the file's own, else the model's.")] = None,
    multiplicity: Annotated[int | None, typer.Option(help="Spin multiplicity; likewise.")] = None,
    labelled: Annotated[Path | None, typer.Option(help="Labelled structures: adds how far from them a prediction is.")] = None,
    device: DeviceOption = None,
    json: JsonOption = False,
) -> None:
    """Energies, forces, and whether they can be trusted.

    [bold]Examples[/bold]

      reactal predict sn2/campaign.yaml path.xyz --out predicted.extxyz

      reactal predict model md.traj --out predicted.extxyz --force-error 0.3
    """
    from dataclasses import replace

    from reactal.chem.convert import read_frames, write_frames
    from reactal.cli.doubts import doubts
    from reactal.cli.stores import require_folder

    require_folder(out)
    committee, trust = _opened(model, force_error, device)
    about = committee.about
    charge = about.get("charge") if charge is None and "charge" in about else charge
    multiplicity = about.get("multiplicity") if multiplicity is None and "multiplicity" in about else multiplicity
    geometries = read_frames(frames, charge=charge, multiplicity=multiplicity)
    prediction = committee.predict(geometries)
    disagreement = prediction.disagreement(geometries)
    inside = disagreement <= trust.disagreement
    columns: dict[str, Any] = {"disagreement": disagreement, "energy_spread": prediction.energy_spread, "inside": inside}
    if trust.factor is not None:
        columns["force_error_bound"] = trust.factor * disagreement
    if labelled is not None:
        columns |= doubts(committee, geometries, read_frames(labelled, charge=charge, multiplicity=multiplicity))
    write_frames(out, replace(geometries, energy=prediction.energy, forces=prediction.forces).with_extra(**columns))
    outside = [int(i) for i in range(len(geometries)) if not inside[i]]
    if json:
        emit(
            {
                **_listed(geometries, prediction.energy, prediction.forces, columns),
                "trust": trust.as_json(),
                "outside": outside,
                "out": out,
            }
        )
    else:
        console().print(_table(geometries, prediction.energy, prediction.forces, columns))
        limit = f"disagreement up to {trust.disagreement:.2f} eV/Å" + ("" if trust.factor else ", not calibrated")
        say(f"{len(geometries)} predicted, {len(outside)} outside the trust region ({limit}); written to {out}")


def _table(geometries: Frames, energy: Floats, forces: Floats, columns: Mapping[str, Floats]) -> RenderableType:
    """One line a structure; of many the first ones and, where they are not among them, the most doubtful."""
    import numpy as np
    from rich.table import Table

    from reactal.chem.elements import formula
    from reactal.units import KCAL_PER_MOL

    bound = columns.get("force_error_bound")
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column(justify="right")
    table.add_column("atoms", vertical="bottom")
    numbers = ("energy", "eV"), ("above\nthe first", "kcal/mol"), ("spread", "kcal/mol"), ("largest\nforce", "eV/Å")
    doubts = ("disagree-\nment", "eV/Å"), *((("error\nat most", "eV/Å"),) if bound is not None else ())
    for name, unit in (*numbers, *doubts):
        table.add_column(f"{name}\n[not bold dim]{unit}[/]", justify="right", vertical="bottom", no_wrap=True)
    table.add_column("trusted", vertical="bottom")
    largest = geometries.per_structure_max(np.linalg.norm(forces, axis=1))
    rows = _worth_listing(columns["disagreement"])
    for before, row in zip([-1, *rows], rows, strict=False):
        if row > before + 1:
            table.add_row("…")
        atoms = formula(tuple(geometries.numbers[geometries.atoms(row)].tolist()))
        same = geometries.sizes[row] == geometries.sizes[0] and atoms == formula(
            tuple(geometries.numbers[geometries.atoms(0)].tolist())
        )
        cells = [str(row), atoms, f"{energy[row]:.4f}"]
        cells += [f"{round((energy[row] - energy[0]) / KCAL_PER_MOL, 2) + 0.0:.2f}" if same else "–"]  # never minus nothing
        cells += [
            f"{columns['energy_spread'][row] / KCAL_PER_MOL:.2f}",
            f"{largest[row]:.3f}",
            f"{columns['disagreement'][row]:.3f}",
        ]
        cells += [f"{bound[row]:.3f}"] if bound is not None else []
        table.add_row(*cells, "[green]inside[/]" if columns["inside"][row] else "[red]outside[/]")
    return table


def _worth_listing(disagreement: Floats) -> list[int]:
    """Rows, ascending."""
    import numpy as np

    if len(disagreement) <= MOST_LINES:
        return list(range(len(disagreement)))
    doubtful = np.argsort(disagreement)[::-1][: MOST_LINES // 2].tolist()
    return sorted({*range(MOST_LINES // 2), *doubtful})


def _listed(geometries: Frames, energy: Floats, forces: Floats, columns: Mapping[str, Floats]) -> dict[str, Any]:
    import numpy as np

    largest = geometries.per_structure_max(np.linalg.norm(forces, axis=1))
    return {
        "n": len(geometries),
        "energy_ev": energy.tolist(),
        "force_max_ev_per_ang": largest.tolist(),
        **{name: column.tolist() for name, column in columns.items()},
    }


def _opened(model: str, force_error: float, device: str | None) -> tuple[Committee, _Trust]:
    if model.endswith((".yaml", ".yml")):
        from reactal.runner import Campaign

        with Campaign(model, settings=of_campaign(device)) as driver:
            committee: Committee = driver.potential.potential
            calibrated = driver.state.calibrated
        factor = calibrated.factor if calibrated else None
        return committee, _trust(factor, calibrated.target_coverage if calibrated else None, force_error)
    from reactal.potentials.export import read_committee

    committee = read_committee(model, device=device or DEVICE)
    known = committee.about.get("calibration") or {}
    return committee, _trust(known.get("factor"), known.get("coverage"), force_error)


def _trust(factor: float | None, coverage: float | None, force_error: float) -> _Trust:
    return _Trust(force_error / factor if factor else UNCALIBRATED_TRUST, factor, coverage)
