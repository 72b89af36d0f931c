"""A clock that is wrong for one driver and all it starts: a library that is loaded before others, compiled where it is needed."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

__all__ = ["COMPILER", "set_clock", "wrong_clock"]

COMPILER = shutil.which("cc")
"""None where there is no C compiler: then no clock jumps."""
SOURCE = Path(__file__).with_name("wrong_clock.c")


def wrong_clock(file: Path) -> dict[str, str]:
    """The environment of a process whose clock is off by what the file says, which `set_clock` writes at any time."""
    library = file.with_suffix(".so")
    if not library.exists():
        assert COMPILER is not None
        subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE)], check=True)
        file.write_bytes(struct.pack("q", 0))
    return {"LD_PRELOAD": str(library), "WRONG_CLOCK": str(file)}


def set_clock(file: Path, seconds: int) -> None:
    """In place: those who read it have it in their memory."""
    with file.open("r+b") as opened:
        opened.write(struct.pack("q", seconds))
