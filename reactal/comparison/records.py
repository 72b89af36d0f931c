"""What a round of a comparison came to, and where it is kept."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, final

from reactal.errors import DamagedObject, ObjectNotFound
from reactal.store.envelope import seal, unseal
from reactal.store.objects import ObjectStore

__all__ = ["ALL", "Errors", "RoundRecord", "Rounds", "chain_prefix", "start_prefix"]

SCHEMA = 1
ALL = "all"  # the region that is the whole test set


@final
@dataclass(frozen=True)
class Errors:
    """Of the committee's mean on the test rows of one region; eV/angstrom over force components, eV over structures.

    `worst_force` is the mean over structures of the largest norm of a force error, eV/angstrom. NaN where no row of the
    region has that label.
    """

    rows: int
    force_mae: float
    energy_mae: float
    worst_force: float


@final
@dataclass(frozen=True)
class RoundRecord:
    """Round 0 is the start set. `picked` are the rows of the pool that this round added, `labels` how many there are by now,
    `held_out` the force MAE on what the members held out of training (eV/angstrom, NaN where they held out nothing), `model` the
    id of the committee; seconds of wall time."""

    round: int
    labels: int
    picked: tuple[int, ...]
    errors: Mapping[str, Errors]
    held_out: float
    train_seconds: float
    choose_seconds: float
    model: str

    def as_json(self) -> dict[str, Any]:
        errors = {name: {key: _said(value) for key, value in asdict(one).items()} for name, one in self.errors.items()}
        return {**asdict(self), "picked": list(self.picked), "errors": errors, "held_out": _said(self.held_out)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RoundRecord:
        errors = {
            name: Errors(
                int(one["rows"]), _heard(one["force_mae"]), _heard(one["energy_mae"]), worst_force=_heard(one["worst_force"])
            )
            for name, one in data["errors"].items()
        }
        return cls(**{**data, "picked": tuple(data["picked"]), "errors": errors, "held_out": _heard(data["held_out"])})


def _said(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else value


def _heard(value: float | None) -> float:
    return math.nan if value is None else float(value)


@final
class Rounds:
    """Rounds below a prefix, from `first` on: `<round:04d>.json`, and the weights of the newest under `weights/<round:04d>/`.

    A record is written after its weights: a round whose record is there is never trained again, and one that is missing is
    made anew from the weights of the round before it.
    """

    def __init__(self, objects: ObjectStore, prefix: str, *, first: int) -> None:
        self._objects = objects
        self._prefix = prefix
        self._first = first

    def read(self, *, last: int) -> tuple[RoundRecord, ...]:
        """The finished rounds in order, up to `last`."""
        found: list[RoundRecord] = []
        while (number := self._first + len(found)) <= last and (data := self._get(self._key(number))) is not None:
            where = f"round {self._key(number)} in {self._objects.url}"
            try:
                found.append(RoundRecord.from_json(unseal(data, schema=SCHEMA, where=where)["round"]))
            except (KeyError, TypeError) as error:
                raise DamagedObject(f"{where} cannot be understood ({error!r}); remove it, and it is made anew") from error
        return tuple(found)

    def write(self, record: RoundRecord, weights: tuple[bytes, ...]) -> None:
        """Keep a round and its weights; those of the round before it are needed no more."""
        for number, data in enumerate(weights):
            self._objects.put(self._weights(record.round, number), data)
        self._objects.put_if_absent(self._key(record.round), seal({"round": record.as_json()}, schema=SCHEMA))
        if record.round > self._first:
            for key in list(self._objects.list(f"{self._prefix}/weights/{record.round - 1:04d}/")):
                self._objects.delete(key)

    def weights(self, number: int) -> tuple[bytes, ...]:
        """Of a round's members; `DamagedObject` where they are gone."""
        keys = list(self._objects.list(f"{self._prefix}/weights/{number:04d}/"))
        if not keys:
            raise DamagedObject(
                f"the weights of round {number} below {self._prefix} in {self._objects.url} are gone; "
                "remove the records below it, and they are made anew"
            )
        return tuple(self._objects.get(key) for key in keys)

    def is_told(self, number: int, tracker: str) -> bool:
        """Whether this tracker was told of all rounds up to this one."""
        return self._get(self._told(number, tracker)) is not None

    def tell(self, number: int, tracker: str) -> None:
        """It was."""
        self._objects.put(self._told(number, tracker), tracker.encode())

    def _key(self, number: int) -> str:
        return f"{self._prefix}/{number:04d}.json"

    def _told(self, number: int, tracker: str) -> str:
        return f"{self._prefix}/told/{hashlib.sha256(tracker.encode()).hexdigest()[:16]}/{number:04d}"

    def _weights(self, number: int, member: int) -> str:
        return f"{self._prefix}/weights/{number:04d}/member-{member:02d}.safetensors"

    def _get(self, key: str) -> bytes | None:
        try:
            return self._objects.get(key)
        except ObjectNotFound:
            return None


def start_prefix(digest: str, seed: int) -> str:
    """Of the start set that all strategies of a seed share."""
    return f"comparisons/{digest}/start/{seed}"


def chain_prefix(digest: str, strategy: str, seed: int) -> str:
    """Of the rounds that are a strategy's own."""
    return f"comparisons/{digest}/strategies/{strategy.replace(':', '==')}/{seed}"  # keys have no colon
