"""Memory: what a molecule will need is known before it is asked for, and what there was too little of is said in words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import disk_usage

from reactal.chem import Structure
from reactal.errors import ReactalError

__all__ = ["NotEnoughMemory", "enough_memory", "require_room", "require_scratch"]

GIBIBYTE = 2**30
STARVED = ("can't allocate memory", "out of memory", "not enough memory")  # torch says it in a RuntimeError of its own


class NotEnoughMemory(ReactalError):
    """A molecule that is too large for the memory there is."""


def require_room(structure: Structure, needed: float) -> None:
    """`NotEnoughMemory` where `needed` bytes are more than are free: else the system might end the process in the middle."""
    free = _free()
    if free is not None and needed > free:
        raise NotEnoughMemory(
            f"{structure.formula} needs {needed / GIBIBYTE:.1f} GiB of memory and {free / GIBIBYTE:.1f} are free; "
            "end other programs or take a larger machine"
        )


def require_scratch(structure: Structure, needed: float, folder: str) -> None:
    """`NotEnoughMemory` where `needed` bytes are more than the disk of a folder has left."""
    free = disk_usage(folder).free
    if needed > free:
        raise NotEnoughMemory(
            f"the SCF of {structure.formula} needs {needed / GIBIBYTE:.1f} GiB in {folder} and {free / GIBIBYTE:.1f} are free; "
            "set PYSCF_TMPDIR to a folder with more"
        )


def _free() -> float | None:
    """Bytes that Linux would give; None where it is another system."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    rows = dict(line.split(":", 1) for line in lines if ":" in line)
    return float(rows["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in rows else None


@contextmanager
def enough_memory(what: str) -> Iterator[None]:
    """`NotEnoughMemory` in place of what NumPy and torch raise; `what` begins the sentence."""
    try:
        yield
    except MemoryError as error:
        raise NotEnoughMemory(f"{what} needs more memory than there is; end other programs or take a larger machine") from error
    except RuntimeError as error:
        if not any(words in str(error).lower() for words in STARVED):
            raise
        raise NotEnoughMemory(f"{what} needs more memory than there is; end other programs or take a larger machine") from error
