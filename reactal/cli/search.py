"""`reactal search`: which molecule or reaction of a library to compute next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reactal.cli.output import JsonOption, emit, say
from reactal.errors import InputError

if TYPE_CHECKING:
    from reactal.search.state import Search

__all__ = ["app"]

app = typer.Typer(
    name="search",
    help="Which molecule or reaction of a library to compute next, to find the best with few calculations.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

FolderArgument = Annotated[Path, typer.Argument(metavar="FOLDER", help="Of the search; `reactal search begin` made it.")]
LibraryArgument = Annotated[
    Path, typer.Argument(metavar="LIBRARY", help="A CSV table (numbers, smiles), or geometries in any format that ASE reads.")
]
TargetOption = Annotated[str, typer.Option(help="Column, or word of the geometries, that is searched for; empty where unknown.")]
ProductsOption = Annotated[
    Path | None, typer.Option(help="Of reactions: geometries of the products, in the order of the library's reactants.")
]
DirectionOption = Annotated[bool, typer.Option("--minimise/--maximise", help="Whether low or high values are wanted.")]
AcquisitionOption = Annotated[
    str, typer.Option(help="ei (expected improvement), ucb (mean + 2 σ), thompson, or trust (EI near the best so far).")
]


@app.command()
def begin(
    library: LibraryArgument,
    target: TargetOption,
    out: Annotated[Path, typer.Option(help="Folder for the state of the search.")],
    minimise: DirectionOption = True,
    products: ProductsOption = None,
    acquisition: AcquisitionOption = "ei",
    seed: Annotated[int, typer.Option(min=0, help="Every random number follows from it.")] = 0,
    json: JsonOption = False,
) -> None:
    """Start a search in a library.

    [bold]Example[/bold]

      reactal search begin reactants.extxyz --products products.extxyz --target barrier --out lowest
    """
    from reactal.search.library import read_library
    from reactal.search.proposing import check_acquisition
    from reactal.search.state import Settings
    from reactal.search.state import begin as started

    settings = Settings(target, minimise, check_acquisition(acquisition), seed)
    _tell(started(out, read_library(library, target=target, products=products), settings), json=json)


@app.command()
def ask(
    folder: FolderArgument,
    batch: Annotated[int, typer.Option(min=1, help="How many entries.")] = 1,
    json: JsonOption = False,
) -> None:
    """Name the entries to compute next.

    What was asked before and is not told yet counts as under way: it is not named again, and what is asked differs from it.
    """
    from reactal.search.state import opened

    search = opened(folder)
    names = search.ask(batch)
    if json:
        emit({"ask": list(names), "pending": list(search.pending), "known": len(search.values)})
    else:
        say("\n".join(names) if names else "every entry is known, under way or failed")


@app.command()
def tell(
    folder: FolderArgument,
    values: Annotated[list[str], typer.Argument(metavar="ID=VALUE", help="As in `r17=24.5`; `r17=failed` where there is none.")],
    json: JsonOption = False,
) -> None:
    """Tell what was computed."""
    from reactal.search.state import FAILED, opened

    told: dict[str, float | str] = {}
    for given in values:
        name, equals, value = given.rpartition("=")
        try:
            told[name] = value if value == FAILED else float(value)
        except ValueError as error:
            raise InputError(f"{given!r} is not of the form ID=VALUE, for example r17=24.5 or r17={FAILED}") from error
        if not equals:
            raise InputError(f"{given!r} is not of the form ID=VALUE, for example r17=24.5 or r17={FAILED}")
    search = opened(folder)
    search.tell(told)
    _tell(search, json=json)


@app.command()
def show(folder: FolderArgument, json: JsonOption = False) -> None:
    """Say what is known, what is under way, and the best so far."""
    from reactal.search.state import opened

    _tell(opened(folder), json=json)


@app.command()
def replay(
    library: LibraryArgument,
    target: TargetOption,
    minimise: DirectionOption = True,
    products: ProductsOption = None,
    acquisition: AcquisitionOption = "ei",
    start: Annotated[int, typer.Option(min=1, help="Evaluations by lot at first.")] = 10,
    batch: Annotated[int, typer.Option(min=1, help="Evaluations in a round.")] = 5,
    share: Annotated[float, typer.Option(min=0.0, max=1.0, help="The best share of the library, which is to be found.")] = 0.05,
    seeds: Annotated[int, typer.Option(min=1, help="How often.")] = 5,
    json: JsonOption = False,
) -> None:
    """Play a search through where all values are known.

    Says how many evaluations it takes to find the best, and how many lots take.
    """
    import numpy as np

    from reactal.search.features import features_of
    from reactal.search.library import read_library
    from reactal.search.proposing import check_acquisition
    from reactal.search.replay import by_lot, played, top_rows

    kind = check_acquisition(acquisition)
    entries = read_library(library, target=target, products=products)
    best = len(top_rows(entries.target, share=share, minimise=minimise))
    features = features_of(entries)
    how: dict[str, Any] = {"minimise": minimise, "acquisition": kind, "start": start, "batch": batch, "share": share}
    ours = [played(features, entries.target, most=len(entries), seed=seed, **how) for seed in range(seeds)]
    lots = [by_lot(entries.target, minimise=minimise, share=share, seed=seed) for seed in range(seeds)]
    found = {
        f"{part:.0%}": {
            "search": float(np.median([run.until(part, best=best) for run in ours])),
            "random": float(np.median([run.until(part, best=best) for run in lots])),
        }
        for part in (1.0 / best, 0.5, 1.0)
    }
    if json:
        emit({"entries": len(entries), "best": best, "seeds": seeds, "evaluations": found})
        return
    for part, numbers in found.items():
        say(f"{part} of the best {best}: {numbers['search']:.0f} evaluations, by lot {numbers['random']:.0f}")


def _tell(search: Search, *, json: bool) -> None:
    ranked = search.ranked()
    if json:
        best = [{"id": name, "value": value} for name, value in ranked[:10]]
        facts = {"entries": len(search.names), "known": len(ranked), "pending": list(search.pending)}
        emit({**facts, "failed": list(search.failed), "target": search.settings.target, "best": best})
        return
    told = f"{len(search.names)} entries: {len(ranked)} known, {len(search.pending)} under way, {len(search.failed)} failed"
    best_said = f"; best {ranked[0][0]} with {search.settings.target} {ranked[0][1]:g}" if ranked else ""
    say(told + best_said)
