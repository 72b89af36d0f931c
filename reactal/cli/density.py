"""`reactal density`: learn electron densities, and compute energies from them without the SCF cycle."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reactal.cli.output import JsonOption, announce, emit, say
from reactal.cli.stores import DEFAULT_STORE, StoreOption, require_folder
from reactal.errors import InputError, ReactalError

if TYPE_CHECKING:
    from reactal.chem import Structure
    from reactal.density.answer import DensityAnswer
    from reactal.density.model import DensityModel
    from reactal.density.request import DensityRequest

__all__ = ["app"]

app = typer.Typer(
    name="density",
    help="Learn electron densities: energies and forces in one step, without the SCF cycle, for closed-shell molecules.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder that `reactal density train` made.")]
LimitOption = Annotated[
    float, typer.Option(min=0.0, help="Where the energy may be off by more than this, mHa, the full SCF is run instead.")
]


SourceArgument = Annotated[
    str, typer.Argument(metavar="SOURCE", help="NAME or NAME@VERSION of a data set of densities, or a file of geometries.")
]
MlflowOption = Annotated[str | None, typer.Option(help="Address of an MLflow server or database for numbers, curves and files.")]
MinutesOption = Annotated[float, typer.Option(min=0.0, help="For all members together, if that is sooner; 0: no limit.")]
PatienceOption = Annotated[int, typer.Option(min=0, help="Stop after so many validations without a better one; 0: never.")]
VaryOption = Annotated[int, typer.Option(min=0, help="More geometries made of each one of a file: strained, heated, turned.")]
HoldOutOption = Annotated[float, typer.Option(min=0.0, max=0.5, help="Share kept out, for the errors and the guard.")]


@app.command()
def train(
    source: SourceArgument,
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    network: Annotated[str, typer.Option(help="atoms, points, unet or combined.")] = "atoms",
    size: Annotated[str, typer.Option(help="tiny, small, medium or large.")] = "small",
    members: Annotated[int, typer.Option(min=1, help="Networks in the committee; their disagreement guards.")] = 2,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps of each member.")] = 20_000,
    minutes: MinutesOption = 0.0,
    patience: PatienceOption = 0,
    vary: VaryOption = 0,
    hold_out: HoldOutOption = 0.1,
    name: Annotated[str, typer.Option(help="Of the data set that a file becomes; without it the file's own.")] = "",
    basis: Annotated[str, typer.Option(help="Of PySCF's GTH basis sets.")] = "gth-dzvp",
    functional: Annotated[str, typer.Option(help="As PySCF spells it; pbe has its own pseudopotentials.")] = "pbe",
    grid_level: Annotated[int, typer.Option(min=0, max=9, help="Of PySCF's grids for exchange and correlation.")] = 2,
    mlflow: MlflowOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Every random number follows from it.")] = 0,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Learn residual densities from geometries or a data set of densities.

    Reference SCFs are kept in the store, states of the networks in the model's folder: the same command goes on when stopped.

    [bold]Examples[/bold]

      reactal density train molecules.extxyz --vary 40 --minutes 50 --out density

      reactal density train molecules@2 --network points --out pointwise
    """
    from reactal.density.request import DensityRequest
    from reactal.density.theory import DensityTheory

    theory = DensityTheory(functional=functional, basis=basis, grid_level=grid_level)
    planned = (network, size, members, steps, minutes, patience, vary, hold_out, seed, name)
    asked = DensityRequest(source, str(out), store, *planned, theory)
    result = _taught(asked)
    if mlflow is not None:
        _track(mlflow, asked, result)
    if json:
        emit(result)
        return
    errors = ", ".join(f"{error:.1f} %" for error in result["rho_error_held_out"])
    say(
        f"{members} network{'' if members == 1 else 's'} on {result['rows']} densities of {result['dataset']}; held out: "
        f"error of the residual density {errors}, of the energy {result['energy_error_mha_held_out']:.2f} mHa\n"
        f"next: reactal density predict {out} FRAMES --out OUT"
    )


@app.command()
def predict(
    model: ModelArgument,
    frames: Annotated[Path, typer.Argument(metavar="FRAMES", help="Geometries in any format that ASE reads.")],
    out: Annotated[Path, typer.Option(help="Where to write energies (eV), forces (eV/Å), bound, route.")],
    forces: Annotated[bool, typer.Option(help="Forces too; they take longer than the energy.")] = True,
    limit: LimitOption = 5.0,
    cubes: Annotated[Path | None, typer.Option(help="Folder for each molecule's density as a Gaussian cube file.")] = None,
    json: JsonOption = False,
) -> None:
    """Energies in one step, or from the full SCF where the guard says so.

    Exit code 1 where a structure has no energy at all.

    [bold]Example[/bold]

      reactal density predict density md.xyz --out energies.extxyz --limit 2
    """
    from reactal.chem.convert import read_frames
    from reactal.density.model import DensityModel

    require_folder(out)
    opened = DensityModel.read(model)
    structures = list(read_frames(frames).structures())
    answers: list[DensityAnswer | str] = []
    for number, structure in enumerate(structures):
        answers.append(_answered(opened, structure, forces=forces, limit=limit))
        if cubes is not None and not isinstance(found := answers[-1], str):
            _write_cube(opened, structure, found, cubes / f"{number:04d}-{structure.formula}.cube")
    _write(structures, answers, out)
    rows = [_row(structure, found) for structure, found in zip(structures, answers, strict=True)]
    failed = sum(isinstance(found, str) for found in answers)
    if json:
        emit({"n": len(structures), "failed": failed, "out": out, "structures": rows})
    else:
        for number, row in enumerate(rows):
            say(f"{number:4d}  {row['formula']:12s} {row['said']}")
        shots = sum(row["route"] == "one-shot" for row in rows)
        say(f"{shots} in one step, {len(rows) - shots - failed} by the full SCF, {failed} without an energy; written to {out}")
    if failed:
        raise typer.Exit(1)


@app.command()
def evaluate(
    model: ModelArgument,
    source: SourceArgument,
    out: Annotated[Path, typer.Option(help="Folder for the table and the figures.")],
    forces: Annotated[bool, typer.Option(help="Errors of forces too.")] = True,
    limit: LimitOption = 5.0,
    mlflow: MlflowOption = None,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Hold a model against reference densities: errors, what the guard caught, iterations saved, and figures.

    [bold]Example[/bold]

      reactal density evaluate density unseen.extxyz --out evaluation
    """
    from reactal.density.evaluation import evaluated, summary_of
    from reactal.density.figures import draw_errors, draw_isosurfaces, draw_slices
    from reactal.density.model import DensityModel
    from reactal.density.request import DensityRequest, references_of

    opened = DensityModel.read(model)
    references, dataset, failed = references_of(DensityRequest(source, str(out), store, theory=opened.theory))
    if not references:
        raise InputError(f"{source} has no densities to evaluate with")
    cases = evaluated(opened, references, forces=forces, limit_mha=limit)
    out.mkdir(parents=True, exist_ok=True)
    worst = references[max(range(len(cases)), key=lambda row: cases[row].rho_error)]
    draw_errors(cases, out / "errors.png")
    draw_slices(opened, worst, out / "slices.png")
    draw_isosurfaces(opened, worst, out / "isosurfaces.png")
    summary = summary_of(cases).as_json()
    result = {"dataset": dataset, "failed": failed, "summary": summary, "cases": [asdict(case) for case in cases]}
    _write_json(out / "evaluation.json", result)
    if mlflow is not None:
        _log(mlflow, "density evaluation", {"model": str(model), "dataset": dataset}, summary, files=out)
    if json:
        emit(result)
        return
    say(
        f"{summary['cases']} densities of {dataset}: residual density off by {summary['rho_error']:.1f} %, "
        f"Harris energy {summary['energy_mha']:.2f} mHa, first-step energy {summary['first_step_mha']:.2f} mHa, "
        f"forces {summary['force_mae']:.3f} eV/Å\n"
        f"guard: {100 * summary['trusted']:.0f} % let pass, {100 * summary['guard_recall']:.0f} % of errors above 5 mHa caught; "
        f"SCF iterations {summary['iterations']:.1f}, from the predicted density {summary['iterations_from_guess']:.1f}\n"
        f"table and figures are in {out}"
    )


def _taught(asked: DensityRequest) -> dict[str, Any]:
    """Carried out, shown as it goes."""
    from reactal.cli.progress import progress
    from reactal.density.request import fulfil

    with progress() as shown:
        stage, said = "", ""

        def tell(what: str, done: int, of: int) -> None:
            nonlocal stage, said
            name, _, more = what.partition(", ")
            if name != stage:
                if stage:
                    shown.end(said)
                shown.begin(name, total=of)
            stage, said = name, f"{done}{', ' + more if more else ''}"
            shown.update(done)

        result = fulfil(asked, tell=tell)
        shown.end(said)
    for sentence in result["failed"]:
        announce(f"left out: {sentence}")
    return result


def _answered(model: DensityModel, structure: Structure, *, forces: bool, limit: float) -> DensityAnswer | str:
    from reactal.density.answer import answer

    try:
        return answer(model, structure, forces=forces, limit_mha=limit)
    except ReactalError as error:
        return str(error)


def _row(structure: Structure, found: DensityAnswer | str) -> dict[str, Any]:
    if isinstance(found, str):
        return {"formula": structure.formula, "route": "none", "said": found, "energy_ev": None}
    bound = "" if found.bound_mha is None else f", right to {found.bound_mha:.2f} mHa"
    how = f"in one step{bound}" if found.route == "one-shot" else f"by the full SCF: {found.because}"
    return {
        "formula": structure.formula,
        "route": found.route,
        "said": f"{found.energy:.5f} eV {how}",
        "energy_ev": found.energy,
        "bound_mha": found.bound_mha if found.route == "one-shot" else None,
        "because": found.because,
        "dipole_e_ang": found.dipole.tolist(),
        "homo_lumo_ev": _frontier(structure, found),
        "iterations": found.iterations,
    }


def _frontier(structure: Structure, found: DensityAnswer) -> list[float]:
    from reactal.density.fingerprints import VALENCE

    filled = int(sum(VALENCE.get(number, 0.0) for number in structure.numbers) - structure.charge) // 2
    return [float(energy) for energy in found.orbital_energies[max(filled - 1, 0) : filled + 1]]


def _write(structures: list[Structure], answers: list[DensityAnswer | str], out: Path) -> None:
    from dataclasses import replace

    import numpy as np

    from reactal.chem import Frames
    from reactal.chem.convert import write_frames

    frames = Frames.of(structures)
    energy, forces = frames.energy.copy(), frames.forces.copy()
    for row, found in enumerate(answers):
        if not isinstance(found, str):
            energy[row] = found.energy
            if found.forces is not None:
                forces[frames.atoms(row)] = found.forces
    routes = ["none" if isinstance(found, str) else found.route for found in answers]
    bounds = [np.nan if isinstance(f, str) or f.bound_mha is None or f.route != "one-shot" else f.bound_mha for f in answers]
    write_frames(out, replace(frames, energy=energy, forces=forces).with_extra(route=routes, bound_mha=bounds))


def _write_cube(model: DensityModel, structure: Structure, found: DensityAnswer, file: Path) -> None:
    from reactal.density.oneshot import Stage, write_cube

    file.parent.mkdir(parents=True, exist_ok=True)
    write_cube(Stage(structure, model.theory), found.density, file)


def _write_json(file: Path, result: dict[str, Any]) -> None:
    import json

    from reactal.cli.output import plain

    file.write_text(json.dumps(plain(result), indent=1) + "\n", encoding="utf-8")


def _track(uri: str, asked: DensityRequest, result: dict[str, Any]) -> None:
    series = {
        f"member_{number}.{name}": [(point["step"], point[name]) for point in curve]
        for number, curve in enumerate(result["curves"])
        for name in ("loss", "rho_error")
    }
    numbers = {"energy_error_mha_held_out": result["energy_error_mha_held_out"], "guard_factor": result["guard_factor"]}
    params = {name: value for name, value in vars(asked).items() if name != "theory"} | asked.theory.as_json()
    _log(uri, "density training", params, numbers, series=series, files=Path(asked.out))


def _log(uri: str, run_name: str, params: dict[str, Any], numbers: dict[str, float], *, files: Path, series: Any = None) -> None:
    from reactal.tracking.mlflow import MlflowTracker

    tracker = MlflowTracker(uri)
    run = tracker.open_run((run_name, files.name), tags={"kind": run_name}, params=params)
    tracker.log(run, metrics=numbers, series=series, files={"density": files})
    tracker.close_run(run, ok=True)
    tracker.close()
