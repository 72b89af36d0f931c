"""What `reactal labels states` does: suspects, another try for each, until no neighbour speaks against another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

from reactal.chem import Label, Theory
from reactal.errors import InputError
from reactal.labeling.base import LabelingResources
from reactal.labeling.continuity import Doubt, Verdict, doubts, tried_again
from reactal.store.labels import LabelEntry, LabelStore

__all__ = ["Examined", "examined", "shown"]


@final
@dataclass(frozen=True)
class Examined:
    """The suspects among the labels of a theory, and the verdicts where they were tried again."""

    theory: Theory
    labels: int
    suspects: tuple[Doubt, ...]
    verdicts: tuple[Verdict, ...] = ()

    def as_json(self) -> dict[str, Any]:
        lower = {verdict.doubt.key: verdict for verdict in self.verdicts}
        rows = [
            {
                "structure": doubt.key,
                "neighbour": doubt.neighbour.structure.key,
                "distance": doubt.distance,
                "unexplained_ev": doubt.unexplained,
                "verdict": _verdict(lower.get(doubt.key)),
            }
            for doubt in self.suspects
        ]
        return {"theory": self.theory.name, "labels": self.labels, "suspects": rows}


def examined(labels: LabelStore, theory: Theory, *, within: float, retry: bool) -> Examined:
    """A label that is put right may speak against the next, so it goes on until there is none left that was not tried."""
    entries = _labelled(labels, theory)
    suspects = doubts(entries, within=within)
    if not retry or not suspects:
        return Examined(theory, len(entries), tuple(suspects))
    if theory.program != "psi4":
        raise InputError(
            f"{theory.name} is computed by {theory.program}, which takes no orbitals from here; look without --retry"
        )
    from reactal.labeling.psi4 import Psi4Labeler

    verdicts: dict[str, Verdict] = {}
    labeler = Psi4Labeler(theory, LabelingResources(reuse_guess=True))
    try:
        while left := [doubt for doubt in suspects if doubt.key not in verdicts]:
            for verdict in tried_again(left, labeler):
                verdicts[verdict.doubt.key] = verdict
                if verdict.lower is not None:
                    labels.supersede(verdict.lower, verdict.doubt.entry.structure, f"wrong_state: {verdict.doubt}")
            suspects = doubts(_labelled(labels, theory), within=within)
    finally:
        labeler.close()
    return Examined(theory, len(entries), tuple(verdict.doubt for verdict in verdicts.values()), tuple(verdicts.values()))


def _labelled(labels: LabelStore, theory: Theory) -> list[LabelEntry]:
    found = labels.entries(theory.fingerprint, labels.keys(theory.fingerprint))
    return [entry for entry in found if entry is not None and isinstance(entry.outcome, Label)]


def _verdict(verdict: Verdict | None) -> str:
    if verdict is None:
        return "not tried"
    return f"wrong_state: replaced by one {verdict.gained:.3f} eV lower" if verdict.lower else "stands: no lower state is near"


def shown(found: list[Examined], store: str) -> None:
    """A line for each suspect, for a person."""
    from rich.table import Table

    from reactal.cli.output import console, say

    if not found:
        say(f"no label in {store} is at odds with a neighbour")
        return
    table = Table("structure", "theory", "doubt", "verdict", box=None, pad_edge=False)
    for result in found:
        lower = {verdict.doubt.key: verdict for verdict in result.verdicts}
        for doubt in result.suspects:
            table.add_row(doubt.key[:12], result.theory.name, str(doubt), _verdict(lower.get(doubt.key)))
    console().print(table)
