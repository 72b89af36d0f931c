"""What reaches the terminal: one JSON object on standard output, everything for people on standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["JsonOption", "SetOption", "announce", "console", "duration", "emit", "plain", "say"]

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else there.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a setting of the file, as in --set budget.labels=50; repeatable."),
]


def emit(result: Mapping[str, Any]) -> None:
    """The one JSON object of a command; numbers that are not finite are null, since JSON has none."""
    sys.stdout.write(json.dumps(plain(result), ensure_ascii=False, indent=1) + "\n")


def say(text: str) -> None:
    """A result for people, on standard output."""
    sys.stdout.write(text + "\n")


def announce(text: str) -> None:
    """A note for people, on standard error."""
    sys.stderr.write(text + "\n")


def console(*, stderr: bool = False) -> Console:
    """Rich's console; it drops colours by itself where nobody sees them."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=not stderr)


def plain(value: Any) -> Any:
    """Nested values as JSON knows them."""
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):  # a NumPy scalar
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def duration(seconds: float) -> str:
    """`4 s`, `2 min 05 s`, `1 h 12 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
