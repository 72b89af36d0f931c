"""`reactal label`: reference energies and forces for any file of geometries."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reactal.cli.labelling import ClusterOption, SlotsOption, Tally, TimeoutOption, label_all, open_pool, tell_failures
from reactal.cli.output import JsonOption, emit, say
from reactal.cli.stores import DEFAULT_STORE, StoreOption

if TYPE_CHECKING:
    from reactal.chem import Structure, Theory

__all__ = ["label", "parse_theory"]

ProgramOption = Annotated[
    str,
    typer.Option(
        help="psi4, pyscf, xtb, qcengine, ase (emt/none), pool (a labelled file), teacher (a model) or deepscf (learned density)."
    ),
]
KeywordOption = Annotated[
    list[str] | None, typer.Option(metavar="NAME=VALUE", help="Of the program, as a campaign's theory.keywords; repeatable.")
]
StateOption = Annotated[
    list[str] | None, typer.Option(metavar="FORMULA=CHARGE,MULTIPLICITY", help="For one formula, as in OH=-1,1; repeatable.")
]


def label(
    frames: Annotated[Path, typer.Argument(metavar="FRAMES", help="Geometries in any format that ASE reads.")],
    theory: Annotated[str, typer.Option(help="method/basis, as the program spells them.")],
    out: Annotated[
        Path, typer.Option(help="The geometries with energies (eV) and forces (eV/Å): .xyz .extxyz .traj .db .h5 .npy .parquet.")
    ],
    charge: Annotated[int | None, typer.Option(help="Total charge; without it the file's own, else 0.")] = None,
    multiplicity: Annotated[
        str | None, typer.Option(help="Spin multiplicity, or lowest for 1 and 2 by parity where the file has none; else 1.")
    ] = None,
    state: StateOption = None,
    slots: SlotsOption = 0,
    cluster: ClusterOption = "none",
    timeout: TimeoutOption = 600.0,
    program: ProgramOption = "psi4",
    keyword: KeywordOption = None,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Reference energies and forces for geometries.

    Labels whose forces add up to a net force or torque are flagged in the output's column `flags`.
    What the store knows already is not computed again, so a run that was stopped goes on. Exit code 1 where a label failed.

    [bold]Examples[/bold]

      reactal label band.xyz --theory hf/6-31g* --out labelled.xyz --charge -1

      reactal label md.traj --theory wb97x-d/def2-svp --out labelled.h5 --multiplicity lowest --state OH=-1,1

      reactal label md.traj --program xtb --theory gfn2/none --keyword electronic_temperature=1000 --out labelled.db
    """
    from reactal.chem.files import check_output
    from reactal.cli.progress import progress
    from reactal.labeling.base import LabelingResources
    from reactal.labeling.programs import check_theory
    from reactal.store.opening import open_store, require_writable

    level = parse_theory(theory, program, keyword or [])
    check_output(out)
    structures = _structures(frames, charge=charge, multiplicity=multiplicity, states=state or [])
    resources = LabelingResources(slots=slots, timeout_seconds=timeout)
    check_theory(level, structures[0], resources)
    objects = open_store(store)
    require_writable(objects)
    with open_pool(objects, level, resources, cluster=cluster) as pool, progress() as shown:
        tally = label_all(structures, pool, level, shown)
    counts = _write(out, structures, tally)
    failures = tally.failed()
    if json:
        failed = [{"index": i, "kind": str(f.kind), "message": f.message} for i, f in failures.items()]
        facts = {"failed": failed, "flagged": counts, "theory": level.as_json(), "out": out, "store": objects.url}
        emit({**tally.as_json(time.monotonic()), **facts})
    else:
        tell_failures(failures)
        say(f"{tally}; {counts['any']} flagged; written to {out}" if counts["any"] else f"{tally}; written to {out}")
    if failures:
        raise typer.Exit(1)


def _structures(frames: Path, *, charge: int | None, multiplicity: str | None, states: list[str]) -> list[Structure]:
    from reactal.chem.files import read_any
    from reactal.chem.states import StateRules
    from reactal.errors import InputError

    found = list(read_any(frames, StateRules.parse(charge=charge, multiplicity=multiplicity, states=states)).structures())
    if not found:
        raise InputError(f"{frames} holds no geometry")
    return found


def _write(out: Path, structures: list[Structure], tally: Tally) -> dict[str, int]:
    """All structures, those that failed without a label; how many labels have which flag."""
    from reactal.chem import Frames, Label
    from reactal.chem.files import write_labelled
    from reactal.labeling.quality import flagged, flags

    answers = (tally.answers[index] for index in range(len(structures)))
    labelled = Frames.of(structures, [answer if isinstance(answer, Label) else None for answer in answers])
    write_labelled(out, labelled.with_extra(flags=flags(labelled)))
    return flagged(labelled)


def parse_theory(text: str, program: str, keywords: list[str]) -> Theory:
    """`method/basis` with the keywords that a campaign would give it, so that both share their labels, and these."""
    import yaml

    from reactal.chem.theory import Theory
    from reactal.config import defaults
    from reactal.errors import ConfigError

    known = dict(defaults()["theory"]["keywords"]) if program == "psi4" else {}
    for assignment in keywords:
        name, equals, value = assignment.partition("=")
        known[name.strip()] = yaml.safe_load(value) if value else ""
        if not equals or not isinstance(known[name.strip()], str | int | float | bool):
            raise ConfigError(f"--keyword {assignment!r} is not of the form name=value, for example guess=gwh")
    return Theory.parse(text, program=program, keywords=known)
