"""`reactal density`: learn electron densities, and compute energies from them without the SCF cycle."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reactal.cli.output import JsonOption, announce, emit, say
from reactal.cli.stores import DEFAULT_STORE, StoreOption, require_folder
from reactal.density.settings import DensityRequest, NetworkSpec, Schooling, TrainingPlan
from reactal.density.theory import DensityTheory
from reactal.errors import InputError, ReactalError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactal.chem import Structure
    from reactal.density.answer import DensityAnswer
    from reactal.density.evaluation import Case
    from reactal.density.model import DensityModel
    from reactal.density.reference import ReferenceDensity

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
GridOption = Annotated[int, typer.Option(min=0, max=9, help="Of PySCF's grids for exchange and correlation.")]
HoldOutOption = Annotated[float, typer.Option(min=0.0, max=0.5, help="Share kept out, for the errors and the guard.")]


@app.command()
def train(
    source: SourceArgument,
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    network: Annotated[str, typer.Option(help="atoms, points, unet or combined.")] = NetworkSpec.kind,
    size: Annotated[str, typer.Option(help="tiny, small, medium or large.")] = NetworkSpec.size,
    members: Annotated[
        int, typer.Option(min=1, help="Networks in the committee; their disagreement guards.")
    ] = Schooling.members,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps of each member.")] = TrainingPlan.steps,
    minutes: MinutesOption = TrainingPlan.minutes,
    patience: PatienceOption = TrainingPlan.patience,
    vary: VaryOption = DensityRequest.vary,
    hold_out: HoldOutOption = Schooling.hold_out,
    name: Annotated[str, typer.Option(help="Of the data set that a file becomes; without it the file's own.")] = "",
    basis: Annotated[str, typer.Option(help="Of PySCF's GTH basis sets.")] = DensityTheory.basis,
    functional: Annotated[str, typer.Option(help="An LDA or GGA as PySCF spells it.")] = DensityTheory.functional,
    grid_level: GridOption = DensityTheory.grid_level,
    mlflow: MlflowOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Every random number follows from it.")] = TrainingPlan.seed,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Learn residual densities from geometries or a data set of densities.

    Reference SCFs are kept in the store, states of the networks in the model's folder: the same command goes on when stopped.

    [bold]Examples[/bold]

      reactal density train molecules.extxyz --vary 40 --minutes 50 --out density

      reactal density train molecules@2 --network points --out pointwise
    """
    committee: dict[str, Any] = {"network": network, "size": size, "members": members, "hold_out": hold_out}
    plan: dict[str, Any] = {"steps": steps, "minutes": minutes, "patience": patience, "seed": seed}
    theory: dict[str, Any] = {"functional": functional, "basis": basis, "grid_level": grid_level}
    asked = DensityRequest.plainly(source, str(out), store, vary=vary, name=name, **committee, **plan, **theory)
    result = _taught(asked)
    if mlflow is not None:
        from reactal.tracking.densities import show_training

        show_training(mlflow, asked, result)
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
    if not structures:
        raise InputError(f"{frames} holds no geometry; give a file with one or more, in any format that ASE reads")
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
    from reactal.density.model import DensityModel
    from reactal.density.request import references_of

    opened = DensityModel.read(model)
    references, dataset, failed = references_of(DensityRequest(source, str(out), store, theory=opened.theory))
    if not references:
        raise InputError(f"{source} has no densities to evaluate with")
    cases = evaluated(opened, references, forces=forces, limit_mha=limit)
    out.mkdir(parents=True, exist_ok=True)
    _draw(opened, references, cases, out)
    summary = summary_of(cases).as_json()
    result = {"dataset": dataset, "failed": failed, "summary": summary, "cases": [asdict(case) for case in cases]}
    _write_json(out / "evaluation.json", result)
    if mlflow is not None:
        from reactal.tracking.densities import show_evaluation

        show_evaluation(mlflow, summary, model=str(model), dataset=dataset, files=out)
    for sentence in failed:
        announce(f"left out: {sentence}")
    if json:
        emit(result)
        return
    for formula, because in sorted({(case.formula, case.because) for case in cases if not case.predicted}):
        say(f"{formula}: nothing is predicted, the full SCF is run instead: {because}")
    if summary["refused"] < summary["cases"]:
        say(_judged(summary, dataset))
    say(f"table and figures are in {out}")


def _judged(summary: dict[str, Any], dataset: str) -> str:
    """In a sentence for each of errors, guard and iterations."""
    forces = f", forces {summary['force_mae']:.3f} eV/Å" if summary["force_mae"] == summary["force_mae"] else ""
    first = f", first-step energy {summary['first_step_mha']:.2f} mHa" if forces else ""
    return (
        f"{summary['cases'] - summary['refused']} densities of {dataset}: residual density off by {summary['rho_error']:.1f} %, "
        f"Harris energy {summary['energy_mha']:.2f} mHa{first}{forces}\n"
        f"guard: {100 * summary['trusted']:.0f} % let pass, {100 * summary['guard_recall']:.0f} % of errors above 5 mHa caught; "
        f"SCF iterations {summary['iterations']:.1f}, from the predicted density {summary['iterations_from_guess']:.1f}"
    )


def _draw(model: DensityModel, references: Sequence[ReferenceDensity], cases: Sequence[Case], out: Path) -> None:
    """Errors of all, and the density that was predicted worst."""
    from reactal.density.figures import draw_errors, draw_isosurfaces, draw_slices

    predicted = [row for row, case in enumerate(cases) if case.predicted]
    if not predicted:
        return
    worst = references[max(predicted, key=lambda row: cases[row].rho_error)]
    draw_errors(cases, out / "errors.png")
    draw_slices(model, worst, out / "slices.png")
    draw_isosurfaces(model, worst, out / "isosurfaces.png")


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
