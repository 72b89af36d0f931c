"""The files beside a calculation, all in the folder where the program stands."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

EXECUTION_LOG = "REACTAL_LABEL_LOG"  # environment variable: a file that gets one line for each calculation begun
OUTPUT = Path("psi4.log")
PRINTED = Path("stdout.log")  # what Psi4 prints elsewhere than into its output
KEPT = {OUTPUT.name, PRINTED.name, "timer.dat", "owner.lock"}  # in the scratch folder, from label to label
GUESS_FILES = "guess-"
LOG_TAIL = 2000  # characters


def clean(psi4: Any) -> None:
    """Nothing of a calculation stays: neither files nor options nor results."""
    psi4.core.clean()
    psi4.core.clean_options()
    psi4.core.clean_variables()
    for file in Path().iterdir():  # Psi4 1.3 leaves its orbitals
        if file.name not in KEPT and not file.name.startswith(GUESS_FILES) and file.is_file():
            file.unlink()


def text(log: Path) -> str:
    try:
        return log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def tail(log: Path) -> str:
    return text(log)[-LOG_TAIL:]


def note_execution(key: str) -> None:
    """As `execution_log.note_execution`: one line, whole even when several processes write."""
    path = os.environ.get(EXECUTION_LOG)
    if not path:
        return
    line = json.dumps({"key": key, "pid": os.getpid(), "at": time.time()}) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
