"""What is known of one molecule at one theory, and guesses from it."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

from .images import Images, nearest_images, orders_of
from .neighbours import is_another_state
from .orbital_guess import in_order, planes_of, write_orbitals
from .orbital_record import Record, canonical_order
from .prediction import SAME_STATE, departure, predicted
from .shells import Turning, shells_of
from .tally import NEARBY, Tally
from .units import BOHR

Json = Dict[str, Any]

KEPT = 256  # labels
SIZE = 1 << 25  # bytes of their orbitals, which may be fewer labels
LARGEST = 1 << 21  # bytes of one label's; larger molecules are left to their neighbours
IMAGES = 500  # that a guess is made of
NUMBERS = 1 << 22  # in the orbitals of these images, which may be fewer
REACH = 1.5  # angstrom, of any but the nearest
SURPRISING = 2e-5  # less, and there is nothing to learn from a label
UNPREDICTED = 1.0


class LearnedGuess:
    """In the place of a `Neighbour`."""

    rung = "learned_guess"

    def __init__(self, molecule: LearnedMolecule, images: Images, places: Any) -> None:
        self.molecule, self.images, self.places = molecule, images, places
        self.nearest = molecule.records[images.labels[0]]
        self.planes: List[Any] = []
        self.result: Optional[Json] = None

    def distance(self, request: Json) -> float:
        """Root mean square over the atoms, angstrom, once turned."""
        return float(self.images.distances[0])

    def write(self, psi4: Any, orbitals: Any, near: Sequence[Any]) -> None:
        """Where Psi4 looks for a guess."""
        order = self.molecule.order
        if in_order(shells_of(orbitals.basisset()), order) != self.nearest.shells:
            raise ValueError("the orbitals are of another basis")
        self.planes = self.molecule.predict(self)
        write_orbitals(psi4, orbitals, self.planes, order)

    def is_suspicious(self, request: Json, result: Json) -> bool:
        """As of a neighbour. Also tells the molecule what the guess has led to."""
        import numpy as np

        self.result = result
        self.molecule.tally.learned(result["scf_iterations"], self.distance(request))
        slope = self.nearest.gradient[self.images.orders[0]] @ self.images.rotations[0].T
        before = {"energy": self.nearest.energy, "gradient": slope, "s_squared": self.nearest.s_squared}
        after = {**result, "gradient": np.array(result["gradient"])[self.molecule.order]}
        return is_another_state((self.places - self.images.positions[0]) / BOHR, before, after)


class LearnedMolecule:
    """Labels of one molecule, the oldest first, with atoms in the order of their symbols."""

    def __init__(self, symbols: Sequence[str], identity: Json) -> None:
        self.identity, self.order = identity, canonical_order(symbols)
        self.tally, self.is_learnable = Tally(), True
        self.records: List[Record] = []
        self._orders = orders_of([symbols[atom] for atom in self.order])
        self._offered: Optional[LearnedGuess] = None
        self._misled = False

    @property
    def size(self) -> int:
        """Bytes of the orbitals."""
        return sum(plane.nbytes for record in self.records for plane in record.planes)

    def places(self, request: Json) -> Any:
        """About the centroid, angstrom."""
        import numpy as np

        there = np.array(request["positions"], dtype=float)[self.order]
        return there - there.mean(axis=0)

    def guess(self, request: Json) -> Optional[LearnedGuess]:
        """None where there is nothing to learn from nearby, or guesses were of no use lately."""
        import numpy as np

        self._offered = None
        if not self.records or self.tally.is_resting():
            return None
        numbers = sum(plane.size for plane in self.records[0].planes)
        most = max(8, min(IMAGES, NUMBERS // numbers))
        known = np.stack([record.positions for record in self.records])
        places = self.places(request)
        images = nearest_images(places, known, self._orders, most=most)
        if images.distances[0] > self.tally.reach:
            return None
        within = images.distances <= REACH
        self._offered = LearnedGuess(self, Images(*(part[within] for part in images)), places)
        return self._offered

    def predict(self, guess: LearnedGuess) -> List[Any]:
        """The occupied space of each spin."""
        return predicted(guess.places, guess.images, self._planes(guess.images))

    def _planes(self, images: Images) -> List[Any]:
        import numpy as np

        turning = Turning(self.records[0].shells)
        spins = range(len(self.records[0].planes))
        stacks = [np.stack([record.planes[spin] for record in self.records])[images.labels] for spin in spins]
        return [turning.turned(stack, images.rotations, images.orders) for stack in stacks]

    def add(self, record: Record) -> None:
        """Unless it does not go with the others, or is there already."""
        import numpy as np

        first = self.records[0] if self.records else record
        alike = (record.shells, _shapes(record.planes)) == (first.shells, _shapes(first.planes))
        known = any(np.abs(record.positions - other.positions).max() < 1e-6 for other in self.records)
        if not alike or known:
            return
        self.tally.fresh(record.fresh_iterations)
        self.records.append(record)
        most = min(KEPT, SIZE // max(1, self.size // len(self.records)))
        self.records = self.records[-most:]

    def learn(self, request: Json, result: Json, wavefunction: Any) -> Tuple[Optional[Record], float]:
        """From a finished label: the record that is worth keeping, if it is, and how surprising it was."""
        import numpy as np

        offered, self._offered = self._offered, None
        is_fresh = offered is None or offered.result is not result
        if offered is not None and offered.result is None:
            self.tally.failed()
        shells, planes = planes_of(wavefunction, self.order, spins=1 if result["s_squared"] is None else 2)
        if not Turning(shells).covers or sum(plane.size for plane in planes) * 4 > LARGEST:
            self.is_learnable = False
            return None, 0.0
        if self._misled and offered is not None:
            self._forget_other_states(offered.images, planes)
        self._misled = False
        self.records = [one for one in self.records if (one.shells, _shapes(one.planes)) == (shells, _shapes(planes))]
        surprise = UNPREDICTED
        if offered is not None and _shapes(offered.planes) == _shapes(planes):
            surprise = max(departure(*pair) for pair in zip(planes, offered.planes))  # noqa: B905
        if surprise < SURPRISING:
            return None, surprise
        record = Record(
            identity=self.identity,
            shells=shells,
            positions=self.places(request),
            gradient=np.array(result["gradient"])[self.order],
            energy=result["energy"],
            s_squared=result["s_squared"],
            fresh_iterations=result["scf_iterations"] if is_fresh else None,
            planes=[np.asarray(plane, dtype=np.float32) for plane in planes],
        )
        self.add(record)
        return record, surprise

    def distrust(self) -> None:
        """The latest guess led to a state above another: what it was made of goes as soon as the other is known."""
        self._misled = True
        self.tally.distrust()

    def _forget_other_states(self, images: Images, planes: Sequence[Any]) -> None:
        import numpy as np

        far = np.zeros(len(images.labels), dtype=bool)
        for spin, known in enumerate(self._planes(images)):
            far |= np.abs(np.linalg.det(known.transpose(0, 2, 1) @ planes[spin])) < SAME_STATE
        far[0] = True
        wrong = set(images.labels[far & (images.distances <= NEARBY)])
        self.records = [record for number, record in enumerate(self.records) if number not in wrong]


def _shapes(planes: Sequence[Any]) -> List[Tuple[int, ...]]:
    return [plane.shape for plane in planes]
