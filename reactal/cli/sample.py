"""`reactal sample`: geometries around a structure that dynamics would rarely meet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reactal.cli.output import JsonOption, emit, say

__all__ = ["sample"]


def sample(
    structure: Annotated[Path, typer.Argument(metavar="STRUCTURE", help="One geometry, in any format that ASE reads.")],
    out: Annotated[Path, typer.Option(help="Where to write the geometries.")],
    method: Annotated[
        str, typer.Option(help="modes | rattle | torsions | conformers | deform | strain | dissociate; several with commas.")
    ] = "rattle",
    count: Annotated[int, typer.Option(min=1, help="How many of each method, about.")] = 20,
    model: Annotated[str | None, typer.Option(help="modes: whose Hessian; a model's folder, or gfn2.")] = None,
    temperature: Annotated[float, typer.Option(min=0.0, help="modes: K.")] = 600.0,
    sigma: Annotated[float, typer.Option(min=0.0, help="rattle: width of each displacement, Å.")] = 0.05,
    reach: Annotated[float, typer.Option(min=0.0, help="dissociate: how far parts are drawn apart, Å.")] = 3.0,
    least_rmsd: Annotated[float, typer.Option(min=0.0, help="conformers: at least so far from the structure, Å.")] = 0.0,
    charge: Annotated[int | None, typer.Option(help="Total charge; without it the file's own.")] = None,
    multiplicity: Annotated[int | None, typer.Option(help="Spin multiplicity; likewise.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Every random number follows from it.")] = 0,
    json: JsonOption = False,
) -> None:
    """Geometries around one structure: vibrations, torsions, conformers, strained bonds, parts drawn apart.

    [bold]Examples[/bold]

      reactal sample ethanol.xyz --method torsions,strain --out frames.extxyz

      reactal sample ts.xyz --method modes --model gfn2 --temperature 1000 --count 100 --out frames.extxyz
    """
    import numpy as np

    from reactal.chem import Frames
    from reactal.chem.convert import read_structure, write_frames
    from reactal.cli.potentials import open_potential
    from reactal.cli.stores import require_folder
    from reactal.errors import InputError
    from reactal.exploration.hessian import hessian_of
    from reactal.exploration.sampling import SampleSettings, sample_structure

    require_folder(out)
    start = read_structure(structure, charge=charge, multiplicity=multiplicity)
    hessian = None if model is None else hessian_of(open_potential(model), start, start.positions)
    settings = SampleSettings(
        count=count, temperature=temperature, sigma=sigma, reach=reach, least_rmsd=least_rmsd, hessian=hessian
    )
    rng, made = np.random.default_rng(seed), {}
    for name in dict.fromkeys(word.strip() for word in method.split(",")):
        made[name] = sample_structure(start, name, settings, rng)
    counts = {name: len(places) for name, places in made.items()}
    if not sum(counts.values()):
        raise InputError(
            f"method {method} made no geometry of {structure} in which all atoms keep apart; ask for smaller changes"
        )
    parts = [Frames.repeat(start, places, method=np.full(len(places), name)) for name, places in made.items() if len(places)]
    write_frames(out, Frames.concat(parts))
    if json:
        emit({"n": sum(counts.values()), "methods": counts, "out": out})
    else:
        say(f"{sum(counts.values())} geometries ({', '.join(f'{n} {name}' for name, n in counts.items())}) written to {out}")
