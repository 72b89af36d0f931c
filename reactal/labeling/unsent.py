"""Labels that were paid for and could not be written: they wait on this machine's own disk until the store takes them.

A store may be away for longer than its retries last, a label may have taken hours. What waits is delivered before anything
is computed for the same store on this machine, so nothing is paid for twice here.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import final

from reactal.chem import Label, Structure
from reactal.errors import DamagedObject, StoreError
from reactal.store.labels import LabelStore
from reactal.store.local import LocalStore

__all__ = ["Unsent"]


@final
class Unsent:
    """The labels of one store that wait, in a folder of the user: `$XDG_STATE_HOME/reactal/unsent/<store>`."""

    def __init__(self, labels: LabelStore, folder: Path | None = None) -> None:
        self._labels = labels
        name = hashlib.sha256(labels.url.encode()).hexdigest()[:16]
        self.folder = (_state_home() / "reactal" / "unsent" if folder is None else folder) / name
        self._waiting = LocalStore(self.folder)

    def keep(self, label: Label, structure: Structure, why: StoreError) -> StoreError:
        """Write it here; the same error, which now says so, or the error as it was where there is no room here either."""
        try:
            LabelStore(self._waiting).put(label, structure)
        except StoreError:
            return why
        return type(why)(f"{why}; the label that was computed is kept in {self.folder} and goes to the store with the next run")

    def deliver(self) -> int:
        """Hand over what waits; how many labels that were. What is damaged stays where it is, and is computed again."""
        if not self.folder.is_dir():
            return 0
        delivered = 0
        for path in list(self._waiting.list("labels/")):
            theory, _, key = path.removesuffix(".json").split("/")[1:]
            with suppress(DamagedObject):
                entry = LabelStore(self._waiting).entry(theory, key)
                if entry is not None and isinstance(entry.outcome, Label):  # else another slot was faster
                    self._labels.put(entry.outcome, entry.structure)
                    delivered += 1
                self._waiting.delete(path)
        return delivered


def _state_home() -> Path:
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
