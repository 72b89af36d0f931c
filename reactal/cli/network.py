"""`reactal routes`, `reactal network` and `reactal discover`: what a potential says about which reactions there are."""

from __future__ import annotations

import json as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reactal.cli.output import JsonOption, announce, emit, plain, say
from reactal.cli.potentials import MODEL_HELP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reactal.chem import Structure
    from reactal.exploration.network import ReactionNetwork
    from reactal.exploration.routes import Route
    from reactal.potentials.base import Potential

__all__ = ["discover", "network", "routes"]

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)]
ChargeOption = Annotated[int | None, typer.Option(help="Total charge; without it the model's or the file's own.")]
MultiplicityOption = Annotated[int | None, typer.Option(help="Spin multiplicity; likewise.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Every random number follows from it.")]
RoundsOption = Annotated[int, typer.Option(min=1, help="How often what was found is paired and joined again.")]
ChangesOption = Annotated[int, typer.Option(min=0, help="Bonds made and broken between two minima that are tried as a pair.")]
PairsOption = Annotated[int, typer.Option(min=1, help="Pairs tried in a round, at most.")]


def routes(
    model: ModelArgument,
    reactant: Annotated[Path, typer.Argument(metavar="REACTANT", help="Geometry; relaxed on the model first.")],
    product: Annotated[Path, typer.Argument(metavar="PRODUCT", help="The same atoms in the same order.")],
    out: Annotated[Path, typer.Option(help="Where to write the paths of all routes, the lowest first.")],
    method: Annotated[str, typer.Option(help="neb (climbing image) | string.")] = "neb",
    images: Annotated[int, typer.Option(min=5, help="Images of a path, ends included.")] = 13,
    tries: Annotated[int, typer.Option(min=1, help="Geodesic first paths, each knocked harder than the one before.")] = 3,
    mappings: Annotated[int, typer.Option(min=0, help="Products with like atoms exchanged, beside the one given.")] = 2,
    campaigns: Annotated[Path | None, typer.Option(help="Folder for a campaign of each leg of the lowest route.")] = None,
    theory: Annotated[str, typer.Option(help="Of those campaigns, method/basis.")] = "hf/6-31g*",
    sparing: Annotated[bool, typer.Option("--sparing", help="Saddles without Hessians: cheaper from ten atoms on.")] = False,
    charge: ChargeOption = None,
    multiplicity: MultiplicityOption = None,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Several routes from reactant to product: the lowest, and what the others would cost.

    A path that runs through a valley is split there and each leg has a saddle of its own. With --campaigns each leg becomes a
    campaign to run, on one store.

    [bold]Examples[/bold]

      reactal routes gfn2 reactant.xyz product.xyz --out routes.extxyz

      reactal routes sn2/campaign.yaml reactant.xyz product.xyz --method string --out routes.extxyz
    """
    import numpy as np

    from reactal.chem.convert import read_structure, write_frames
    from reactal.cli.potentials import open_potential, state_of_model
    from reactal.cli.stores import require_folder
    from reactal.config import check_ends
    from reactal.errors import InputError
    from reactal.exploration.routes import RouteSettings, find_routes

    require_folder(out)
    if method not in ("neb", "string"):
        raise InputError(f"there is no method {method!r}; write neb or string")
    potential = open_potential(model)
    state = state_of_model(potential, charge, multiplicity)
    ends = read_structure(reactant, **state), read_structure(product, **state)
    check_ends(*ends)
    settings = RouteSettings(method=method, images=images, tries=tries, mappings=mappings, sparing=sparing)
    found = find_routes(potential, *ends, settings=settings, rng=np.random.default_rng(seed))
    write_frames(out, _route_frames(found))
    listed = [_route_line(route) for route in found]
    written = [] if campaigns is None else _write_campaigns(campaigns, found[0], theory)
    if json:
        emit({"routes": listed, "campaigns": written, "out": out})
        return
    for line in listed:
        tail = "" if line["whole"] else ", not every leg has a saddle that joins its ends"
        say(f"{line['barrier_kcal']:8.2f} kcal/mol, {line['legs']} leg(s): {line['how']}{tail}")
    say(f"paths written to {out}, the lowest first")
    for file in written:
        say(f"reactal run {file}")


def network(
    model: ModelArgument,
    frames: Annotated[Path, typer.Option("--from", metavar="FRAMES", help="Geometries: anything from two ends to a pool.")],
    out: Annotated[Path, typer.Option(help="Folder for network.json, minima.extxyz and saddles.extxyz.")],
    rounds: RoundsOption = 2,
    changes: ChangesOption = 4,
    pairs: PairsOption = 24,
    charge: ChargeOption = None,
    multiplicity: MultiplicityOption = None,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """The reaction network around some geometries: minima and the saddles between them, each once.

    [bold]Example[/bold]

      reactal network gfn2 --from isomers.xyz --out network
    """
    from reactal.chem.convert import read_frames
    from reactal.cli.potentials import open_potential, state_of_model

    potential = open_potential(model)
    given = read_frames(frames, **state_of_model(potential, charge, multiplicity))
    found = _grown(potential, list(given.structures()), out, (rounds, changes, pairs), seed)
    _show(found, out, as_json=json, more={})


def discover(
    model: ModelArgument,
    structure: Annotated[Path, typer.Argument(metavar="STRUCTURE", help="One geometry: a molecule, or several together.")],
    out: Annotated[Path, typer.Option(help="Folder for network.json, minima.extxyz and saddles.extxyz.")],
    method: Annotated[str, typer.Option(help="force (pairs of atoms pushed and pulled) | press | heat.")] = "force",
    temperature: Annotated[float, typer.Option(min=0.0, help="press, heat: K.")] = 3000.0,
    steps: Annotated[int, typer.Option(min=1, help="press, heat: steps of a quarter femtosecond.")] = 2000,
    replicas: Annotated[int, typer.Option(min=1, help="press, heat: runs side by side.")] = 8,
    force: Annotated[float, typer.Option(min=0.0, help="force: eV/Å between the two atoms, at most.")] = 8.0,
    keep: Annotated[int, typer.Option(min=1, help="Of the discoveries, the lowest so many go into the network.")] = 8,
    rounds: RoundsOption = 1,
    changes: ChangesOption = 4,
    pairs: PairsOption = 12,
    charge: ChargeOption = None,
    multiplicity: MultiplicityOption = None,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """What a molecule may become when no product is known, and over which saddles.

    [bold]Examples[/bold]

      reactal discover gfn2 c2h4.xyz --method force --out found

      reactal discover model c2h4.xyz --method heat --temperature 4000 --out found
    """
    import numpy as np

    from reactal.chem.convert import read_structure
    from reactal.cli.potentials import open_potential, state_of_model
    from reactal.exploration.discovery import DiscoverySettings
    from reactal.exploration.discovery import discover as search

    potential = open_potential(model)
    start = read_structure(structure, **state_of_model(potential, charge, multiplicity))
    settings = DiscoverySettings(force=force, temperature=temperature, steps=steps, replicas=replicas)
    met = search(potential, start, method, settings=settings, rng=np.random.default_rng(seed))
    announce(f"{len(met) - 1} minima were met beside the start's own; the lowest {min(keep, len(met) - 1)} are joined now")
    found = _grown(potential, [one.structure for one in met[: keep + 1]], out, (rounds, changes, pairs), seed)
    listed = [{"how": one.how, "energy_ev": one.energy} for one in met]
    _show(found, out, as_json=json, more={"met": listed})


def _grown(
    potential: Potential, given: Sequence[Structure], out: Path, limits: tuple[int, int, int], seed: int
) -> ReactionNetwork:
    """The network, written into its folder."""
    import numpy as np

    from reactal.chem import Frames
    from reactal.chem.convert import write_frames
    from reactal.errors import InputError
    from reactal.exploration.network import NetworkSettings, grow_network

    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; give a folder for the network's files")
    rounds, changes, pairs = limits
    settings = NetworkSettings(rounds=rounds, changes=changes, pairs=pairs)
    found = grow_network(potential, given, settings=settings, rng=np.random.default_rng(seed))
    out.mkdir(parents=True, exist_ok=True)
    (out / "network.json").write_text(json_text.dumps(plain(found.as_json()), indent=1) + "\n", encoding="utf-8")
    minima, saddles = found.minima, found.saddles
    write_frames(out / "minima.extxyz", _with_energy(Frames.of([m.structure for m in minima]), [m.energy for m in minima]))
    if saddles:
        write_frames(out / "saddles.extxyz", _with_energy(Frames.of([s.structure for s in saddles]), [s.energy for s in saddles]))
    return found


def _with_energy(frames: Any, energies: Sequence[float]) -> Any:
    return frames.with_extra(model_energy_ev=energies)


def _show(found: ReactionNetwork, out: Path, *, as_json: bool, more: dict[str, Any]) -> None:
    if as_json:
        emit({**found.as_json(), **more, "out": out})
        return
    for number, node in found.graph().nodes(data=True):
        say(f"{number:3d}  {node['energy_kcal']:8.2f} kcal/mol  {node['name']}")
    for first, second, edge in found.graph().edges(data=True):
        say(f"{first:3d} - {second:<3d} over {edge['energy_kcal']:.2f} kcal/mol, {abs(edge['imaginary_cm']):.0f}i cm-1")
    for note in found.notes:
        announce(note)
    say(f"written to {out}")


def _write_campaigns(folder: Path, route: Route, theory: str) -> list[Path]:
    """A campaign file and its two ends for each leg; their labels meet in one store."""
    from reactal.chem import Frames
    from reactal.chem.convert import write_frames
    from reactal.config import minimal_campaign

    written = []
    for number, leg in enumerate(route.legs, start=1):
        name = f"leg-{number}"
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        for end, structure in (("reactant", leg.start), ("product", leg.end)):
            write_frames(place / f"{end}.extxyz", Frames.of([structure]))
        text = minimal_campaign(
            name=name,
            reactant="reactant.extxyz",
            product="product.extxyz",
            charge=leg.start.charge,
            multiplicity=leg.start.multiplicity,
            theory=theory,
        )
        written.append(place / "campaign.yaml")
        written[-1].write_text(text + "store: ../.reactal/store\n", encoding="utf-8")
    return written


def _route_frames(found: Sequence[Route]) -> Any:
    """All legs' images, numbered by route and leg."""
    import numpy as np

    from reactal.chem import Frames

    parts = []
    for number, route in enumerate(found):
        for at, leg in enumerate(route.legs):
            columns = {"route": np.full(len(leg.band.positions), number), "leg": np.full(len(leg.band.positions), at)}
            parts.append(Frames.repeat(leg.start, leg.band.positions, model_energy_ev=leg.band.energies, **columns))
    return Frames.concat(parts)


def _route_line(route: Route) -> dict[str, Any]:
    from reactal.units import KCAL_PER_MOL

    return {
        "how": route.how,
        "barrier_kcal": route.barrier / KCAL_PER_MOL,
        "legs": len(route.legs),
        "whole": route.whole,
        "mapping": list(route.mapping),
        "saddles": [leg.saddle.refused or f"{leg.saddle.negative_modes} negative mode(s)" for leg in route.legs],
    }
