"""What learned guesses save: the labels of campaigns in the order in which those asked for them, beside fresh guesses.

Part of `density.py`; may be called alone. `campaign_structures.json` holds geometries, in the order in which three campaigns of
examples/sn2-chloride and three of a malonaldehyde, with other random numbers and one store each, paid for their labels. Both ways
take turns in warm programs, and energies must agree. Iterations are of the labels after the first hundred, comparisons with a
fresh guess left out; seconds are of all labels of one campaign of each molecule, comparisons included.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from figure import Figure, report

from reactal.chem import Label, Structure, Theory
from reactal.labeling.base import LabelingResources
from reactal.labeling.psi4 import Psi4Labeler
from reactal.units import HARTREE

__all__ = ["learned_guess_figures"]

STRUCTURES = Path(__file__).with_name("campaign_structures.json")
AGREE = 1e-8 * HARTREE
LEARNED_FROM = 100
CAMPAIGN = 50  # labels of one
GOALS = {"sn2-chloride": 0.55, "malonaldehyde": 0.70}
TIME_GOAL = 0.75


@dataclass(frozen=True)
class Pair:
    """Iterations and seconds of one label, from a fresh guess and from a learned one."""

    fresh: tuple[int, float]
    learned: tuple[int, float]


def learned_guess_figures(*, quick: bool) -> Iterator[Figure]:
    """Of both molecules, each as soon as it is known."""
    for name in GOALS:
        yield iterations(name, quick=quick)
    yield label_time(quick=quick)


def structures(name: str, count: int | None = None) -> list[Structure]:
    """The first labels of its campaigns."""
    known = json.loads(STRUCTURES.read_text())[name]
    places = known["positions"][:count]
    return [Structure.from_symbols(known["symbols"], one, charge=known["charge"]) for one in places]


def iterations(name: str, *, quick: bool) -> Figure:
    """Of Hartree-Fock labels once a hundred are finished; when quick, of the last few of a few."""
    count, learned_from = (8, 5) if quick else (None, LEARNED_FROM)
    pairs = side_by_side(structures(name, count), Theory.parse("hf/6-31g*"))[learned_from:]
    mine, theirs = sum(pair.learned[0] for pair in pairs), sum(pair.fresh[0] for pair in pairs)
    figure = f"guess.iterations_vs_default_{name.partition('-')[0]}"
    ratio, goal = mine / theirs, GOALS[name]
    ours, peer = (round(total / len(pairs), 2) for total in (mine, theirs))
    return Figure(figure, round(ratio, 3), "", ours, peer, f"<= {goal}", ratio <= goal, len(pairs))


def label_time(*, quick: bool) -> Figure:
    """Of a hybrid functional, over whole campaigns from nothing known."""
    counts = {"sn2-chloride": 5} if quick else dict.fromkeys(GOALS, CAMPAIGN)
    pairs = [
        pair for name, count in counts.items() for pair in side_by_side(structures(name, count), Theory.parse("wb97x-d/6-31g*"))
    ]
    mine, theirs = sum(pair.learned[1] for pair in pairs), sum(pair.fresh[1] for pair in pairs)
    ratio, goal = mine / theirs, f"<= {TIME_GOAL}"
    ours, peer = (round(total / len(pairs), 3) for total in (mine, theirs))
    return Figure("guess.label_time_vs_default_wb97xd", round(ratio, 3), "s", ours, peer, goal, ratio <= TIME_GOAL, len(pairs))


def side_by_side(some: Sequence[Structure], theory: Theory) -> list[Pair]:
    """In turn, by programs of their own."""
    fresh, learned = (Psi4Labeler(theory, LabelingResources(reuse_guess=reuse)) for reuse in (False, "learned"))
    try:
        for _ in range(2):  # what is made once for a molecule is not in the figures; a comparison teaches nothing
            learned.compare(some[0], labelled(fresh, some[0])[0])
        return [pair_of(structure, fresh, learned) for structure in some]
    finally:
        fresh.close()
        learned.close()


def pair_of(structure: Structure, fresh: Psi4Labeler, learned: Psi4Labeler) -> Pair:
    one, one_seconds = labelled(fresh, structure)
    began = time.perf_counter()
    other, _ = labelled(learned, structure)
    if learned.owes:
        learned.compare(structure, other)
    seconds = time.perf_counter() - began
    assert abs(one.energy - other.energy) < AGREE, structure.key
    return Pair((one.scf_iterations or 0, one_seconds), (other.scf_iterations or 0, seconds))


def labelled(labeler: Psi4Labeler, structure: Structure) -> tuple[Label, float]:
    """And the seconds that it took, seen from outside."""
    began = time.perf_counter()
    answer = labeler.compute(structure)
    assert isinstance(answer, Label), answer
    return answer, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same on smaller work, within two minutes")
    report(list(learned_guess_figures(quick=parser.parse_args().quick)))


if __name__ == "__main__":
    main()
