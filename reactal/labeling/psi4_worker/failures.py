"""What becomes of an exception of Psi4: one of reactal's kinds of failure, in one line."""

from __future__ import annotations

import errno
import os

from .scratch_files import PRINTED, tail

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LITTLE_ROOM = 1 << 17  # bytes free in scratch; Psi4 writes in larger pieces
UNSTABLE = "the SCF found an unstable state, and the lower one that must be there was not reached"


class Failed(Exception):
    """An answer without numbers: `kind` is one of reactal's failure kinds."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def explained(error: Exception) -> Failed:
    """Which kind of failure an exception of Psi4 is, in one line."""
    if isinstance(error, Failed):
        return error
    name, words = type(error).__name__, " ".join(str(error).split())
    message = f"{name}: {words.split(' The most recent ')[0][:300]}"  # what follows are C++ names
    if name == "SCFConvergenceError" or "not converge" in words.lower():
        return Failed("scf_not_converged", message)
    if _is_scratch_full(error):
        return Failed("scratch_full", f"no room was left in the scratch folder; set `scratch` to a larger place ({message})")
    if isinstance(error, MemoryError) or "bad_alloc" in words or "not enough memory" in words.lower():
        return Failed("out_of_memory", message)
    if name in ("ValidationError", "MissingMethodError", "BasisSetNotFound", "ManagedMethodError", "MoleculeFormatError"):
        return Failed("invalid_input", message)
    return Failed("crashed", message)


def _is_scratch_full(error: Exception) -> bool:
    """Psi4's own words for it are a "PSIO Error" and many others, and the true cause goes to standard error, if there is room."""
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return True
    disk = os.statvfs(".")
    if isinstance(error, RuntimeError) and disk.f_bavail * disk.f_frsize < LITTLE_ROOM:
        return True
    return "error writing to file" in tail(PRINTED)
