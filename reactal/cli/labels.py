"""`reactal labels`: what the store's calculations came to, and those that failed once more."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reactal.cli.labelling import ClusterOption, SlotsOption, TimeoutOption, label_all, open_pool
from reactal.cli.output import JsonOption, console, emit, say
from reactal.cli.stores import DEFAULT_STORE, StoreOption

if TYPE_CHECKING:
    from reactal.chem import FailureKind, LabelFailure, Theory
    from reactal.store.labels import LabelEntry, LabelStore

__all__ = ["app"]

app = typer.Typer(
    name="labels", help="The labels of a store: which failed and why, another try, and their noise.", no_args_is_help=True
)
TheoryOption = Annotated[str | None, typer.Option(help="Only this method/basis, or this fingerprint.")]
KindOption = Annotated[list[str] | None, typer.Option(help="Only failures of this kind, such as timeout; repeatable.")]


@app.command("failed")
def failed(
    theory: TheoryOption = None, kind: KindOption = None, store: StoreOption = DEFAULT_STORE, json: JsonOption = False
) -> None:
    """Structures without a label, with the kind of failure and its reason.

    [bold]Example[/bold]: reactal labels failed --store sn2/.reactal/store --kind timeout
    """
    labels = _opened(store)
    kinds = _kinds(kind)
    found = [(level, entry) for level in _theories(labels, theory) for entry in _failures(labels, level, kinds)]
    if json:
        emit({"failed": [_as_json(level, entry) for level, entry in found]})
        return
    if not found:
        say(f"no failed labels in {store}")
        return
    from rich.table import Table

    table = Table("structure", "formula", "theory", "kind", "attempts", "reason", box=None, pad_edge=False)
    for level, entry in found:
        failure = _failure(entry)
        told = (str(failure.kind), str(len(failure.attempts)), " ".join(failure.message.split()))
        table.add_row(failure.structure_key[:12], entry.structure.formula, level.name, *told)
    console().print(table)


@app.command("retry")
def retry(
    theory: TheoryOption = None,
    kind: KindOption = None,
    slots: SlotsOption = 0,
    cluster: ClusterOption = "none",
    timeout: TimeoutOption = 600.0,
    memory: Annotated[int, typer.Option(min=100, help="MiB that each program may use.")] = 1000,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Compute once more what failed, after a change. Exit code 1 where something failed again.

    [bold]Example[/bold]: reactal labels retry --kind timeout --timeout 3600
    """
    from reactal.cli.progress import progress
    from reactal.labeling.base import LabelingResources
    from reactal.store.labels import LabelStore
    from reactal.store.opening import open_store, require_writable

    objects = open_store(store)
    require_writable(objects)
    labels, kinds = LabelStore(objects), _kinds(kind)
    resources = LabelingResources(slots=slots, timeout_seconds=timeout, memory_mib=memory)
    results, again = [], 0
    for level in _theories(labels, theory):
        structures = [entry.structure for entry in _failures(labels, level, kinds)]
        if structures:
            with open_pool(objects, level, resources, cluster=cluster) as pool, progress() as shown:
                tally = label_all(structures, pool, level, shown)
            again += tally.failures.total()
            results.append({"theory": level.name, "tried": len(structures), "failures": dict(tally.failures)})
    if json:
        emit({"theories": results, "failed_again": again})
    else:
        tried = sum(int(str(result["tried"])) for result in results)
        say(f"{tried} tried again, {tried - again} labelled, {again} failed again" if tried else "nothing to try again")
    if again:
        raise typer.Exit(1)


@app.command("check")
def check(
    theory: TheoryOption = None,
    sample: Annotated[int, typer.Option(min=1, help="Labels of each theory, drawn by lot.")] = 4,
    seed: Annotated[int, typer.Option(min=0, help="Of the lot.")] = 0,
    slots: SlotsOption = 0,
    cluster: ClusterOption = "none",
    timeout: TimeoutOption = 600.0,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """The noise of labels: some are computed again with tighter settings, and their forces held against energies nearby.

    Three calculations for each label of the sample. Exit code 1 where forces are not the slope of the energies.

    [bold]Example[/bold]: reactal labels check --theory hf/6-31g* --sample 8
    """
    import numpy as np

    from reactal.cli.progress import progress
    from reactal.labeling.base import LabelingResources
    from reactal.labeling.recheck import INCONSISTENT, recheck
    from reactal.store.labels import LabelStore
    from reactal.store.opening import open_store, require_writable

    objects = open_store(store)
    require_writable(objects)
    labels, random, found = LabelStore(objects), np.random.default_rng(seed), []
    resources = LabelingResources(slots=slots, timeout_seconds=timeout)
    for level in _theories(labels, theory):
        keys = list(labels.keys(level.fingerprint))
        drawn = [keys[i] for i in sorted(random.choice(len(keys), min(sample, len(keys)), replace=False))]
        entries = [entry for entry in labels.entries(level.fingerprint, drawn) if entry]
        if entries:
            with open_pool(objects, level, resources, cluster=cluster) as pool, progress() as shown:
                found.append((level, len(keys), recheck(entries, pool, level, random=random, progress=shown)))
    if json:
        emit({"theories": [{"theory": level.name, "labels": count, **asdict(result)} for level, count, result in found]})
    else:
        for level, count, result in found:
            say(f"{level.name}, {result.sample} of {count} labels: {result}")
        if not found:
            say(f"no labels in {store}")
    if any(result.inconsistency is not None and result.inconsistency > INCONSISTENT for *_, result in found):
        raise typer.Exit(1)


@app.command("states")
def states(
    theory: TheoryOption = None,
    retry: Annotated[bool, typer.Option("--retry", help="Compute the suspects again from their neighbours' orbitals.")] = False,
    within: Annotated[float, typer.Option(min=0.0, help="Angstrom, root mean square over the atoms: who is a neighbour.")] = 0.25,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Labels that seem to be in another electronic state than geometries nearby: energy or spin jump between them.

    With --retry the lower state counts. The label that it replaces is kept under superseded/; what stands is a true crossing.
    Exit code 1 where suspects are left that were not tried.

    [bold]Example[/bold]: reactal labels states --theory hf/6-31g* --retry
    """
    from reactal.cli.states import examined, shown

    labels = _opened(store)
    found = [examined(labels, level, within=within, retry=retry) for level in _theories(labels, theory)]
    if json:
        emit({"theories": [result.as_json() for result in found]})
    else:
        shown([result for result in found if result.suspects], store)
    if not retry and any(result.suspects for result in found):
        raise typer.Exit(1)


def _opened(store: str) -> LabelStore:
    from reactal.store.labels import LabelStore
    from reactal.store.opening import open_store

    return LabelStore(open_store(store))


def _theories(labels: LabelStore, wanted: str | None) -> list[Theory]:
    """Those of the store that have this name or fingerprint; all without one."""
    from reactal.errors import InputError

    there = sorted(labels.theories(), key=lambda level: (level.name, level.fingerprint))
    chosen = [level for level in there if wanted is None or wanted.lower() in (level.name, level.fingerprint)]
    if wanted is not None and not chosen:
        known = ", ".join(dict.fromkeys(level.name for level in there)) or "none"
        raise InputError(f"the store has no labels of theory {wanted}; it has: {known}")
    return chosen


def _kinds(names: list[str] | None) -> frozenset[FailureKind]:
    from reactal.chem import FailureKind
    from reactal.errors import InputError

    known = {str(kind): kind for kind in FailureKind}
    if unknown := [name for name in names or () if name not in known]:
        raise InputError(f"{unknown[0]!r} is no kind of failure; there are {', '.join(known)}")
    return frozenset(known[name] for name in names or known)


def _failures(labels: LabelStore, theory: Theory, kinds: frozenset[FailureKind]) -> list[LabelEntry]:
    return [entry for entry in labels.failed(theory.fingerprint) if _failure(entry).kind in kinds]


def _failure(entry: LabelEntry) -> LabelFailure:
    from reactal.chem import LabelFailure

    assert isinstance(entry.outcome, LabelFailure)
    return entry.outcome


def _as_json(theory: Theory, entry: LabelEntry) -> dict[str, Any]:
    failure = _failure(entry)
    return {
        "structure": failure.structure_key,
        "formula": entry.structure.formula,
        "charge": entry.structure.charge,
        "multiplicity": entry.structure.multiplicity,
        "theory": theory.name,
        "fingerprint": theory.fingerprint,
        "kind": str(failure.kind),
        "message": failure.message,
        "attempts": [attempt.as_json() for attempt in failure.attempts],
    }
