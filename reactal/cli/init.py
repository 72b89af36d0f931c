"""`reactal init`: a campaign's folder from two geometries."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reactal.cli.output import JsonOption, emit, say

if TYPE_CHECKING:
    from reactal.chem import Structure

__all__ = ["init"]


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the campaign and of the folder that is made for it.")],
    reactant: Annotated[Path, typer.Option(help="Geometry of the reactant, in any format that ASE reads.")],
    product: Annotated[Path, typer.Option(help="Geometry of the product: the same atoms in the same order.")],
    charge: Annotated[int, typer.Option(help="Total charge.")] = 0,
    multiplicity: Annotated[int, typer.Option(help="Spin multiplicity 2S + 1.")] = 1,
    theory: Annotated[str, typer.Option(help="method/basis, as Psi4 spells them.")] = "hf/6-31g*",
    every: Annotated[bool, typer.Option("--all", help="Write out every setting with its default and its meaning.")] = False,
    reorder: Annotated[bool, typer.Option("--reorder", help="Write the product in the reactant's atom order.")] = False,
    json: JsonOption = False,
) -> None:
    """Make NAME/campaign.yaml with both geometries beside it.

    Both ends may be rough: they are relaxed at the reference first. No transition state is needed.

    [bold]Examples[/bold]

      reactal init sn2 --reactant complex.xyz --product exchanged.xyz --charge -1

      reactal init hcn --reactant hcn.xyz --product hnc.xyz --theory wb97x-d/def2-svp --all
    """
    from reactal.config import resolve
    from reactal.errors import InputError, MismatchedEnds

    folder = Path(name)
    ends = {"reactant": _read(reactant, charge, multiplicity), "product": _read(product, charge, multiplicity)}
    if reorder:
        ends["product"] = _in_order_of(ends["reactant"], ends["product"])
    names = {end: f"{end}{_suffix(file)}" for end, file in (("reactant", reactant), ("product", product))}
    settings: dict[str, Any] = {"charge": charge, "multiplicity": multiplicity, "theory": theory}
    geometries = {end: structure.as_json() for end, structure in ends.items()}
    try:
        config = resolve({"name": folder.name, **settings, **geometries}, base=folder, source="reactal init")
    except MismatchedEnds as error:
        orders = [structure.numbers for structure in ends.values()]
        if sorted(orders[0]) == sorted(orders[1]) and orders[0] != orders[1]:
            raise MismatchedEnds(f"{error}; `reactal init` with --reorder takes the order that keeps most bonds") from error
        raise
    text = campaign_text(config.name, names, every=every, **settings)
    targets = [folder / "campaign.yaml", *(folder / file for file in names.values())]
    if there := [target for target in targets if target.exists()]:
        raise InputError(f"{there[0]} is there already; choose another name, or remove it first")
    _write(folder, text, {folder / names["reactant"]: reactant, folder / names["product"]: None if reorder else product}, ends)
    if json:
        emit({"campaign": str(targets[0]), "name": config.name, "formula": ends["reactant"].formula, "theory": theory})
    else:
        say(f"wrote {targets[0]} for {ends['reactant'].formula} at {theory}\nnext: reactal run {targets[0]}")


def campaign_text(name: str, names: dict[str, str], *, charge: int, multiplicity: int, theory: str, every: bool) -> str:
    """The campaign file: a few lines, or all of reactal/defaults.yaml with these values in their places."""
    from importlib.resources import files

    from reactal.config import minimal_campaign

    if not every:
        return minimal_campaign(name=name, **names, charge=charge, multiplicity=multiplicity, theory=theory)
    method, _, basis = theory.partition("/")
    ends = f"name: {name}\nreactant: {names['reactant']}\nproduct: {names['product']}\n"
    text = files("reactal").joinpath("defaults.yaml").read_text(encoding="utf-8")
    for pattern, line in {
        r"charge: \S+": f"{ends}charge: {charge}",
        r"multiplicity: \S+": f"multiplicity: {multiplicity}",
        r"  method: \S+": f"  method: {method}",
        r"  basis: \S+": f"  basis: {basis}",
    }.items():
        text = re.sub(f"^{pattern}", line, text, count=1, flags=re.MULTILINE)
    return text


def _read(file: Path, charge: int, multiplicity: int) -> Structure:
    from reactal.chem.convert import read_structure

    return read_structure(file, charge=charge, multiplicity=multiplicity)


def _suffix(file: Path) -> str:
    return file.suffix if re.fullmatch(r"\.[A-Za-z0-9]+", file.suffix) else ".xyz"


def _write(folder: Path, text: str, copies: dict[Path, Path | None], ends: dict[str, Structure]) -> None:
    from reactal.chem import Frames
    from reactal.chem.convert import write_frames
    from reactal.errors import InputError

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for target, source in copies.items():
            if source is None:
                write_frames(target, Frames.of([ends["product"]]))
            else:
                shutil.copyfile(source, target)
        (folder / "campaign.yaml").write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {folder} ({error.strerror}); choose a name in a folder that can be written") from error


def _in_order_of(reactant: Structure, product: Structure) -> Structure:
    """The product with its atoms in the order that fits the reactant's best, judged by the bonds they keep."""
    from reactal.chem import Structure
    from reactal.exploration.mapping import atom_mapping_hint

    order = atom_mapping_hint(reactant, product)
    if order is None:
        return product  # other atoms altogether, which the check that follows says better
    return Structure(
        tuple(product.numbers[i] for i in order),
        product.positions[list(order)],
        charge=product.charge,
        multiplicity=product.multiplicity,
    )
