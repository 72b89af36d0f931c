"""Which store a command works on, where there is no campaign file to say so."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from reactal.errors import InputError

__all__ = ["DEFAULT_STORE", "StoreOption", "require_folder"]

DEFAULT_STORE = ".reactal/store"
StoreOption = Annotated[
    str, typer.Option(envvar="REACTAL_STORE", help="A folder, or s3://bucket/prefix?endpoint=https://host for an S3 server.")
]


def require_folder(out: Path) -> None:
    """Before work is spent: `out` must be something that can be written."""
    folder = out.absolute().parent
    if out.is_dir():
        raise InputError(f"{out} is a folder; give the name of a file to write")
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder} to write {out.name} into; make it first")
    if not os.access(folder, os.W_OK):
        raise InputError(f"the folder {folder} cannot be written; choose another place for {out.name}")
