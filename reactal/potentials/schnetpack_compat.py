"""SchNetPack's networks, imported here and nowhere else: `nn`, `properties`, `representation`.

Two things stand between SchNetPack 2.1.1, its latest release, and us; both can go with a release that mends them.

It imports `T_co` from `torch.utils.data.dataloader`, only to annotate a class, and newer torch calls that `_T_co`: the old name
is put back. And its package starts by importing everything it has (data sets, molecular dynamics, Lightning: 6 s), where a
network needs three subpackages: they are imported under a bare package, which is taken away again, so that `import schnetpack`
elsewhere still gets all of it.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import TypeVar

from torch.utils.data import dataloader

__all__ = ["nn", "properties", "representation"]

PACKAGE = "schnetpack"
PARTS = ("properties", "nn", "representation")


def _parts() -> list[ModuleType]:
    if not hasattr(dataloader, "T_co"):
        dataloader.T_co = getattr(dataloader, "_T_co", TypeVar("T_co", covariant=True))  # type: ignore[attr-defined]
    bare = PACKAGE not in sys.modules and (spec := find_spec(PACKAGE)) is not None
    if bare and spec is not None:
        sys.modules[PACKAGE] = module_from_spec(spec)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about names that torch deprecates, which no user of ours can mend
            return [import_module(f"{PACKAGE}.{part}") for part in PARTS]
    finally:
        if bare:
            _forget_all_but_parts()


def _forget_all_but_parts() -> None:
    """The package's start binds the parts as it finds them; whatever else they loaded it would not bind a second time."""
    for name in [PACKAGE, *(name for name in sys.modules if name.startswith(f"{PACKAGE}."))]:
        if name == PACKAGE or name.split(".")[1] not in PARTS:
            del sys.modules[name]


properties, nn, representation = _parts()
