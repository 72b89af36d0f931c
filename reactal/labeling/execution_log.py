"""The execution log: one line for each calculation that was begun, whoever began it.

Set REACTAL_LABEL_LOG to a file and count its lines to see what a campaign really paid for. `psi4_worker` writes the
same lines by itself, since it knows nothing of reactal.
"""

from __future__ import annotations

import json
import os
import time

__all__ = ["EXECUTION_LOG", "note_execution"]

EXECUTION_LOG = "REACTAL_LABEL_LOG"


def note_execution(structure_key: str) -> None:
    """Append a line, whole even when several processes write; nothing where the variable is not set."""
    path = os.environ.get(EXECUTION_LOG)
    if not path:
        return
    line = json.dumps({"key": structure_key, "pid": os.getpid(), "at": time.time()}) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
