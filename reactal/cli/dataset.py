"""`reactal dataset`: the versioned data sets of a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from reactal.cli.output import JsonOption, console, emit, say
from reactal.cli.stores import DEFAULT_STORE, StoreOption

__all__ = ["app"]

app = typer.Typer(name="dataset", help="The versioned data sets of a store.", no_args_is_help=True)
Reference = Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="A data set; without a version its newest.")]


@app.command("ls")
def ls(store: StoreOption = DEFAULT_STORE, json: JsonOption = False) -> None:
    """All data sets with their newest version. [bold]Example[/bold]: reactal dataset ls --store sn2/.reactal/store"""
    from reactal.cli.references import opened

    datasets = opened(store)
    newest = [datasets.show(name) for name in datasets.names()]
    if json:
        emit({"datasets": [{"name": v.name, "version": v.version, "rows": v.rows, "theory": v.theory} for v in newest]})
        return
    if not newest:
        say(f"no data sets in {store}")
        return
    from rich.table import Table

    table = Table("data set", "version", "rows", "theory", box=None, pad_edge=False)
    for version in newest:
        table.add_row(version.name, str(version.version), str(version.rows), version.theory)
    console().print(table)


@app.command("show")
def show(dataset: Reference, store: StoreOption = DEFAULT_STORE, json: JsonOption = False) -> None:
    """What a version is made of: rows, shards, parent, theory, lineage, and how sound its labels are.

    [bold]Example[/bold]: reactal dataset show sn2@3
    """
    from reactal.cli.references import opened, parse_reference
    from reactal.labeling.quality import QualityRule, flagged

    name, number = parse_reference(dataset)
    datasets = opened(store)
    version = datasets.show(name, number)
    quality: dict[str, Any] = {"flagged": flagged(datasets.load(name, version.version)), "rule": str(QualityRule())}
    facts: dict[str, Any] = version.as_json() | {"versions": list(datasets.versions(name)), "quality": quality}
    if json:
        emit(facts)
        return
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    split = ", ".join(f"{part}: {len(rows)}" for part, rows in version.split.items())
    lineage = ", ".join(f"{key}: {value}" for key, value in version.lineage.items())
    shards = f"{len(version.shards)}, {sum(shard.size for shard in version.shards)} bytes"
    facts = {"rows": version.rows, "shards": shards, "parent": version.parent, "theory": version.theory}
    for key, value in {"data set": f"{name}@{version.version}", **facts, "split": split, "lineage": lineage}.items():
        if value not in (None, ""):
            table.add_row(key, str(value))
    table.add_row("flagged", ", ".join(f"{key}: {count}" for key, count in quality["flagged"].items()))
    table.add_row("rule", quality["rule"])
    console().print(table)


@app.command("verify")
def verify(
    dataset: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this data set.")] = None,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Read every byte and hold it against its hash. Exit code 1 where something is damaged or missing.

    [bold]Example[/bold]: reactal dataset verify --store s3://bucket/prefix
    """
    from reactal.cli.references import opened

    datasets = opened(store)
    names = datasets.names() if dataset is None else (dataset,)
    found = [(name, finding) for name in names for finding in datasets.verify(name)]
    if json:
        problems = [{"dataset": name, "key": finding.key, "problem": finding.problem} for name, finding in found]
        emit({"ok": not found, "checked": list(names), "problems": problems})
    else:
        for _, finding in found:
            say(f"{finding.key}: {finding.problem}")
        say(f"{len(names)} data sets read, {len(found)} problems")
    if found:
        raise typer.Exit(1)


@app.command("import")
def import_(
    frames: Annotated[Path, typer.Argument(metavar="FRAMES", help="Geometries, with energies and forces where there are any.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="The data set that gets a new version.")],
    append: Annotated[bool, typer.Option("--append", help="After the rows of the newest version.")] = False,
    charge: Annotated[int | None, typer.Option(help="Total charge; without it the file's own, else 0.")] = None,
    multiplicity: Annotated[int | None, typer.Option(help="Spin multiplicity; without it the file's own, else 1.")] = None,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Read any file that ASE reads into a new version. [bold]Example[/bold]: reactal dataset import md.extxyz water --append"""
    from reactal.chem import Frames
    from reactal.chem.files import read_any
    from reactal.chem.states import StateRules
    from reactal.cli.references import opened

    rows = read_any(frames, StateRules(charge, multiplicity))
    datasets = opened(store)
    newest = max(datasets.versions(name), default=None)
    if append and newest is not None:
        rows = Frames.concat([datasets.load(name, newest), rows])
    version = datasets.commit(name, rows, parent=newest if append else None, lineage={"imported": frames.name})
    if json:
        emit({"name": name, "version": version.version, "rows": version.rows})
    else:
        say(f"{name}@{version.version} holds {version.rows} rows")


@app.command("export")
def export(
    dataset: Reference,
    out: Annotated[Path, typer.Option(help="A file by suffix: .xyz .extxyz .traj .db .h5 .npy .parquet.")],
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Write a version to a file. [bold]Example[/bold]: reactal dataset export sn2@3 --out sn2.extxyz"""
    from reactal.chem.files import check_output, write_labelled
    from reactal.cli.references import opened, parse_reference

    check_output(out)
    frames = opened(store).load(*parse_reference(dataset))
    write_labelled(out, frames)
    if json:
        emit({"out": out, "rows": len(frames)})
    else:
        say(f"{len(frames)} rows written to {out}")


@app.command("diff")
def diff(first: Reference, second: Reference, store: StoreOption = DEFAULT_STORE, json: JsonOption = False) -> None:
    """What the second has more, less and otherwise than the first. [bold]Example[/bold]: reactal dataset diff sn2@3 sn2@4"""
    from dataclasses import asdict

    from reactal.cli.references import opened, parse_reference

    datasets = opened(store)
    changes = datasets.diff(*(datasets.show(*parse_reference(reference)) for reference in (first, second)))
    if json:
        emit(asdict(changes))
    else:
        say(
            f"{changes.common} structures in both, {len(changes.relabelled)} of them with other labels; "
            f"{len(changes.only_first)} only in {first}, {len(changes.only_second)} only in {second}"
        )
