"""Which model is in use, and which were before it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Protocol, final

from reactal.errors import InputError
from reactal.store.envelope import seal, unseal
from reactal.store.objects import ObjectStore

__all__ = ["Champion", "ChampionAlias", "Champions"]

SCHEMA = 1


@final
@dataclass(frozen=True)
class Champion:
    """`model` is its id in the campaign's store, `why` a sentence, `since` an ISO time."""

    model: str
    why: str
    since: str


class ChampionAlias(Protocol):
    """Where others look the champion up: an alias in a registry, which people may move by hand."""

    def champion(self) -> str | None:
        """The id of the model behind the alias; None where there is none, or nobody answers. The model is in the store then."""

    def point(self, model: str, *, alias: str) -> None:
        """The alias (champion, challenger) is this model's from here on. Never raises for a registry that is away."""


@final
class Champions:
    """The record in the store, under `campaigns/<name>/champions/<n>.json`: one a change, none ever replaced."""

    def __init__(self, objects: ObjectStore, campaign: str) -> None:
        self._objects, self._campaign = objects, campaign
        self._prefix = f"campaigns/{campaign}/champions"

    def history(self) -> tuple[Champion, ...]:
        """The oldest first; empty before the first promotion."""
        found = []
        for key in self._objects.list(f"{self._prefix}/"):
            document = unseal(self._objects.get(key), schema=SCHEMA, where=f"{key} in {self._objects.url}")
            found.append(Champion(**document["champion"]))
        return tuple(found)

    def appoint(self, champion: Champion) -> None:
        """From here on. The one in use once more changes nothing, so that a step done again after a crash does no harm."""
        while True:
            before = self.history()
            if before and before[-1].model == champion.model:
                return
            data = seal({"champion": asdict(champion)}, schema=SCHEMA)
            if self._objects.put_if_absent(f"{self._prefix}/{len(before):08d}.json", data):
                return

    def previous(self) -> Champion:
        """The one before the one in use: going back twice goes two back."""
        stack: list[Champion] = []
        for champion in self.history():
            if len(stack) > 1 and stack[-2].model == champion.model:
                stack.pop()
            else:
                stack.append(champion)
        if len(stack) < 2:
            raise InputError(f"campaign {self._campaign} has had no other champion, so there is nothing to go back to")
        return stack[-2]
