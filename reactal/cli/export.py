"""`reactal export`: a potential as one file that runs without reactal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reactal.cli.output import JsonOption, emit, say

__all__ = ["export"]


def export(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Folder or URL of a model.")],
    like: Annotated[Path, typer.Option(help="A geometry of the molecule: its atoms, in the order that the file will expect.")],
    out: Annotated[Path, typer.Option(help="The TorchScript file to write, for torch.jit.load in Python or C++.")],
    charge: Annotated[int | None, typer.Option(help="Total charge; without it the file's own, else the model's.")] = None,
    multiplicity: Annotated[int | None, typer.Option(help="Spin multiplicity; likewise.")] = None,
    json: JsonOption = False,
) -> None:
    """One file for one molecule: positions in, energy, forces and their spread out.

    [bold]Example[/bold]

      reactal export model --like reactant.xyz --out molecule.pt
    """
    from reactal.chem.convert import read_structure
    from reactal.cli.stores import require_folder

    require_folder(out)

    from reactal.potentials.export import read_committee
    from reactal.potentials.standalone import OUTPUTS, write_standalone

    committee = read_committee(model)
    about = committee.about
    structure = read_structure(
        like,
        charge=about.get("charge") if charge is None else charge,
        multiplicity=about.get("multiplicity") if multiplicity is None else multiplicity,
    )
    write_standalone(committee, structure, out)
    if json:
        emit({"out": out, "atoms": len(structure), "outputs": list(OUTPUTS)})
    else:
        say(f"{structure.formula} written to {out}: torch.jit.load gives {', '.join(OUTPUTS)} from positions (Å, float64)")
