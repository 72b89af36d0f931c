"""`reactal label`: reference energies and forces for any file of geometries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reactal.cli.output import JsonOption, announce, emit, say
from reactal.cli.stores import DEFAULT_STORE, StoreOption

if TYPE_CHECKING:
    from reactal.chem import Frames, LabelFailure, Theory
    from reactal.labeling.base import LabelPool
    from reactal.progress import Progress

__all__ = ["label"]

SHOWN_FAILURES = 5


def label(
    frames: Annotated[Path, typer.Argument(metavar="FRAMES", help="Geometries in any format that ASE reads.")],
    theory: Annotated[str, typer.Option(help="method/basis, as the program spells them.")],
    out: Annotated[Path, typer.Option(help="Where to write the geometries with energies (eV) and forces (eV/Å).")],
    charge: Annotated[int | None, typer.Option(help="Total charge; without it the file's own, else 0.")] = None,
    multiplicity: Annotated[int | None, typer.Option(help="Spin multiplicity; without it the file's own, else 1.")] = None,
    slots: Annotated[int, typer.Option(min=0, help="Programs side by side; 0: one for each core.")] = 0,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds after which a label is given up.")] = 600.0,
    program: Annotated[str, typer.Option(help="psi4, or ase for its built-in surfaces such as emt/none.")] = "psi4",
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Reference energies and forces for geometries.

    What the store knows already is not computed again. Exit code 1 where a label failed.

    [bold]Examples[/bold]

      reactal label band.xyz --theory hf/6-31g* --out labelled.xyz --charge -1

      reactal label md.traj --theory wb97x-d/def2-svp --out labelled.extxyz --slots 8
    """
    from reactal.chem.convert import read_frames, write_frames
    from reactal.chem.theory import Theory
    from reactal.cli.progress import progress
    from reactal.cli.stores import require_folder
    from reactal.config import defaults
    from reactal.labeling.base import LabelingResources
    from reactal.labeling.pool import LocalLabelPool, check_theory
    from reactal.store.labels import LabelStore
    from reactal.store.opening import open_store, require_writable

    keywords = defaults()["theory"]["keywords"] if program == "psi4" else {}
    level = Theory.parse(theory, program=program, keywords=keywords)
    geometries = read_frames(frames, charge=charge, multiplicity=multiplicity)
    require_folder(out)
    resources = LabelingResources(slots=slots, timeout_seconds=timeout)
    check_theory(level, geometries.structure(0), resources)
    objects = open_store(store)
    require_writable(objects)
    pool = LocalLabelPool(LabelStore(objects), level, resources)
    try:
        with progress() as shown:
            labelled, facts, failures = _label(geometries, pool, level, shown)
    finally:
        pool.close()
    write_frames(out, labelled)
    if json:
        failed = [{"index": i, "kind": str(f.kind), "message": f.message} for i, f in failures.items()]
        emit({**facts, "failed": failed, "theory": level.as_json(), "out": out, "store": objects.url})
    else:
        for index, failure in list(failures.items())[:SHOWN_FAILURES]:
            announce(f"geometry {index + 1}: {failure.kind}: {failure.message}")
        say(f"{facts['computed']} computed, {facts['reused']} reused, {len(failures)} failed; written to {out}")
    if failures:
        raise typer.Exit(1)


def _label(
    geometries: Frames, pool: LabelPool, theory: Theory, shown: Progress
) -> tuple[Frames, dict[str, Any], dict[int, LabelFailure]]:
    from reactal.chem import Frames, Label, LabelFailure

    structures = list(geometries.structures())
    answers: list[Label | LabelFailure | None] = [None] * len(structures)
    reused = 0
    shown.begin("label", total=len(structures))
    for done, outcome in enumerate(pool.label(structures, theory=theory), start=1):
        answers[outcome.index] = outcome.answer
        reused += outcome.reused
        failed = sum(isinstance(answer, LabelFailure) for answer in answers)
        shown.update(done, {"failed": failed, "reused": reused})
    labels = [answer if isinstance(answer, Label) else None for answer in answers]
    failures = {index: answer for index, answer in enumerate(answers) if isinstance(answer, LabelFailure)}
    computed = len(structures) - reused - len(failures)
    shown.end(f"{computed} computed, {reused} reused, {len(failures)} failed")
    return Frames.of(structures, labels), {"computed": computed, "reused": reused}, failures
