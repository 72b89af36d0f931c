"""Guesses learned from every finished label of a molecule: those of this process, and those that others left in the store.

`LearnedGuesses` stands in the place of `neighbours.Neighbours` and has its manners: what it leads to is compared with a fresh
guess on a sample and on suspicion. What it cannot learn (orbitals of restricted open shells) it leaves to the neighbours.
"""

from __future__ import annotations

import base64
import binascii
from collections import OrderedDict
from typing import Any, List, Optional, Sequence, Union

from .learned_molecule import LearnedGuess, LearnedMolecule
from .neighbours import Neighbour, Neighbours
from .orbital_record import Json, identity_of, record_from

MEMORY = 1 << 26  # bytes of the orbitals of all molecules
UNLEARNED = ("rohf", "roks", "cuhf")  # whose occupied orbitals are more than a space for each spin

Near = Union[Neighbour, LearnedGuess]


class LearnedGuesses:
    """Of one process. The molecule that was not asked for longest is forgotten first."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._plain = Neighbours()
        self._molecules: OrderedDict[str, LearnedMolecule] = OrderedDict()
        self._latest: Optional[LearnedMolecule] = None
        self._told: Optional[Json] = None
        self._misled = False

    def hear(self, request: Json) -> None:
        """What the store has of the request's molecule and this process did not know, in base 64; passes over what is damaged."""
        molecule = self._molecule(request) if request.get("orbitals") else None
        if molecule is None:
            return
        for text in request["orbitals"]:
            try:
                record = record_from(base64.b64decode(text, validate=True), molecule.identity)
            except (binascii.Error, ValueError):
                continue
            if record is not None:
                molecule.add(record)

    def tell(self) -> Optional[Json]:
        """What others can learn from the latest label, once: its bytes in base 64, how surprising they were, from 0 to 1, and
        whether the guess was found to lead to a state above another."""
        told, misled = self._told, self._misled
        self._told, self._misled = None, False
        return {**(told or {"record": None, "surprise": 0.0}), "misled": misled} if told or misled else None

    def near(self, request: Json) -> List[Near]:
        """What a guess can be made of; none where that is too far away, or was of no use lately."""
        molecule = self._latest = self._molecule(request)
        if molecule is None:
            return list(self._plain.near(request))
        try:
            guess = molecule.guess(request)
        except Exception:  # a guess saves time, and whatever is wrong with it must not cost a label
            molecule.is_learnable, guess = False, None
        return [guess] if guess else []

    def is_sample(self) -> bool:
        """As of neighbours; the rarer, the longer no comparison has found anything."""
        return self._latest.tally.is_sample() if self._latest else self._plain.is_sample()

    def keep(self, request: Json, result: Json, wavefunction: Any) -> None:
        molecule = self._molecule(request)
        if molecule is None:
            return self._plain.keep(request, result, wavefunction)
        try:
            record, surprise = molecule.learn(request, result, wavefunction)
        except Exception:  # as above
            molecule.is_learnable, record = False, None
        if record is not None:
            self._told = {"record": base64.b64encode(record.to_bytes()).decode("ascii"), "surprise": surprise}
        self._shrink()
        return None

    def forget(self, some: Sequence[Near]) -> None:
        """They led to a state above another."""
        self._plain.forget([one for one in some if isinstance(one, Neighbour)])
        for one in some:
            if isinstance(one, LearnedGuess):
                one.molecule.distrust()
                self._misled = True

    def forget_all(self) -> None:
        self._plain.forget_all()
        self._molecules.clear()

    def _molecule(self, request: Json) -> Optional[LearnedMolecule]:
        if request.get("reuse_guess") != "learned" or str(request["keywords"].get("reference", "")).lower() in UNLEARNED:
            return None
        identity = identity_of(request, self._version)
        name = repr((request["symbols"], sorted(identity.items(), key=str)))
        molecule = self._molecules.pop(name, None) or LearnedMolecule(request["symbols"], identity)
        self._molecules[name] = molecule
        return molecule if molecule.is_learnable else None

    def _shrink(self) -> None:
        while len(self._molecules) > 1 and sum(one.size for one in self._molecules.values()) > MEMORY:
            self._molecules.popitem(last=False)
