"""What is there on this machine, what is missing, and the mend for each."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote

from reactal.errors import InputError, ReactalError
from reactal.labeling.locate import find_psi4
from reactal.labeling.psi4_trial import try_psi4
from reactal.store.opening import open_store, require_writable

__all__ = ["Finding", "Setting", "examine"]

OLDEST_PYTHON = (3, 11)
LEAST_DISK_GIB = 2.0
"""Labels, datasets, checkpoints and MLflow's runs of some campaigns on small molecules."""
LEAST_SCRATCH_GIB = 1.0
"""Psi4's integrals of some jobs at once; larger molecules need far more."""
LEAST_MEMORY_GIB = 4.0
"""Two Psi4 processes, training, and Prefect's server beside them."""

SETUP_MEND = "call `make setup`"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    """What is there, or what is wrong."""
    mend: str | None
    """What to do about it; None where nothing needs doing."""


@dataclass(frozen=True)
class Setting:
    """What a campaign file says about its machine, or the defaults where there is none."""

    store: str = ".reactal/store"
    single_writer: bool = False
    psi4: str | None = None
    scratch: str | None = None
    device: str = "cpu"


class _Unfit(Exception):
    """What a check found to be wrong, in words."""


@dataclass(frozen=True)
class _Check:
    name: str
    look: Callable[[], str]
    """Says what is there; raises where that will not do."""
    mend: str


def examine(setting: Setting | None = None) -> tuple[Finding, ...]:
    """Look at everything a campaign needs; takes some seconds, since it imports and starts the real parts."""
    return tuple(_finding(check) for check in _checks(Setting() if setting is None else setting))


def _checks(setting: Setting) -> tuple[_Check, ...]:
    return (
        _Check("python", _python, "install Python 3.11 or newer, then `make setup PYTHON=python3.11`"),
        _Check("psi4", lambda: _psi4(setting.psi4), "`make setup` installs it with conda or apt; or set REACTAL_PSI4"),
        _Check("torch", _torch, SETUP_MEND),
        _Check("schnetpack", _schnetpack, SETUP_MEND),
        _Check("prefect", lambda: _version("prefect"), SETUP_MEND),
        _Check("dask", lambda: _version("distributed"), SETUP_MEND),
        _Check("mlflow", lambda: _version("mlflow"), SETUP_MEND),
        _Check("cores", _cores, SETUP_MEND),
        _Check("memory", _memory, "close other programs, or label with fewer slots (resources.slots)"),
        _Check(
            "gpu",
            lambda: _gpu(setting.device),
            "write resources.device: cpu; or `make setup` with a torch for this GPU and its driver",
        ),
        _Check("scratch", lambda: _scratch(setting.scratch), "free space there, or set resources.scratch to another disk"),
        _Check("store", lambda: _store(setting), "choose another store in the campaign file (`store:`), or free space"),
    )


def _finding(check: _Check) -> Finding:
    try:
        return Finding(check.name, ok=True, detail=check.look(), mend=None)
    except (_Unfit, ReactalError) as error:
        return Finding(check.name, ok=False, detail=str(error), mend=check.mend)
    except Exception as error:  # a broken installation can raise anything, and the doctor has to survive it
        return Finding(check.name, ok=False, detail=f"{type(error).__name__}: {error}", mend=check.mend)


def _python() -> str:
    version = sys.version.split()[0]
    if sys.version_info < OLDEST_PYTHON:
        raise _Unfit(f"{version} is too old")
    return f"{version} at {sys.executable}"


def _psi4(configured: str | None) -> str:
    install = find_psi4(configured)
    return f"{try_psi4(install).version} under {install.interpreter}, found by {install.found_by}"


def _torch() -> str:
    import torch

    return f"{torch.__version__}, {torch.get_num_threads()} threads"


def _schnetpack() -> str:
    from importlib.metadata import version

    import_module("reactal.potentials.schnetpack")  # by way of the module that makes it fit newer torch
    return version("schnetpack")


def _version(package: str) -> str:
    return str(import_module(package).__version__)


def _cores() -> str:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()  # macOS has no affinity
    return f"{usable} for this process"


def _memory() -> str:
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    if total < LEAST_MEMORY_GIB:
        raise _Unfit(f"{total:.1f} GiB, and {LEAST_MEMORY_GIB:.0f} are needed")
    return f"{total:.1f} GiB"


def _gpu(wish: str) -> str:
    """What there is, and what networks train and compute on."""
    import torch

    from reactal.potentials.device import device_of, gpus

    if wish == "cpu":
        return "not asked for (resources.device: cpu); networks train and compute on the CPU"
    device = device_of(wish)  # refuses what is not there
    if not gpus():
        if torch.cuda.is_available() or shutil.which("nvidia-smi"):
            raise _Unfit(f"there is an NVIDIA GPU, but torch {torch.__version__} cannot use it: networks compute on the CPU")
        return "none; networks train and compute on the CPU"
    there = [torch.cuda.get_device_properties(place) for place in range(gpus())]
    named = ", ".join(f"cuda:{place} {one.name} ({one.total_memory / 2**30:.0f} GiB)" for place, one in enumerate(there))
    return f"{named}; networks train and compute on {device} (resources.device: {wish})"


def _scratch(configured: str | None) -> str:
    folder = Path(configured or os.environ.get("PSI_SCRATCH") or tempfile.gettempdir()).expanduser()
    return _room(folder, LEAST_SCRATCH_GIB)


def _store(setting: Setting) -> str:
    """A folder is looked at without being made; anything else is written to."""
    scheme, separator, rest = setting.store.partition("://")
    if not separator or scheme == "file":
        return _room(Path(unquote(rest) if separator else setting.store), LEAST_DISK_GIB)
    require_writable(open_store(setting.store, single_writer=setting.single_writer))
    return f"{setting.store} can be written"


def _room(folder: Path, least_gib: float) -> str:
    """Free space at a folder, or at the nearest folder above it that exists already."""
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    if not existing.is_dir():
        raise InputError(f"{existing} is a file, and a folder is needed")
    try:
        with tempfile.TemporaryFile(dir=existing):
            free = shutil.disk_usage(existing).free / 2**30
    except OSError as error:
        raise _Unfit(f"{existing} cannot be written ({error.strerror})") from error
    if free < least_gib:
        raise _Unfit(f"{free:.1f} GiB free at {folder}, and {least_gib:.0f} are needed")
    return f"{free:.1f} GiB free at {folder}"
