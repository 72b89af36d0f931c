"""Where Psi4 is on this machine.

Psi4 runs in a process of its own, under the interpreter that can import it. Finding that interpreter reads files only:
nothing is executed, so asking costs milliseconds. Whether what was found works, `psi4_trial` tells.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reactal.errors import LabelerUnavailable
from reactal.secrecy import without_secrets

__all__ = ["PSI4_VARIABLE", "Psi4Install", "find_psi4"]

PSI4_VARIABLE = "REACTAL_PSI4"
"""Environment variable that names a `psi4` script, an interpreter that imports psi4, or an environment's folder."""

CONDA_ROOTS = ("miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba", ".local/share/mamba", ".conda")
"""Folders below the home folder in which conda's family keeps its environments."""

SYSTEM_CONDA_ROOTS = (Path("/opt/conda"), Path("/opt/miniconda3"), Path("/opt/anaconda3"))

MEND = (
    "install it with `conda create -n reactal-psi4 -c conda-forge psi4` or `apt-get install psi4`, "
    f"or set {PSI4_VARIABLE} to the psi4 script"
)


@dataclass(frozen=True)
class Psi4Install:
    """A Psi4 that can be started."""

    interpreter: Path
    """The Python that runs it."""
    module_dir: Path | None
    """Folder to put on PYTHONPATH, where the interpreter does not have psi4 among its own packages."""
    found_by: str
    """Where the search met it, in words."""

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base` changed so that `import psi4` works in a child process.

        PYTHONHOME and the caller's own PYTHONPATH are dropped: they belong to another interpreter.
        """
        environment = {key: value for key, value in without_secrets(base).items() if key not in {"PYTHONHOME", "PYTHONPATH"}}
        if self.module_dir is not None:
            environment["PYTHONPATH"] = str(self.module_dir)
        return environment


def find_psi4(
    configured: str | Path | None = None, *, environ: Mapping[str, str] | None = None, home: Path | None = None
) -> Psi4Install:
    """The Psi4 to use: the configured one, else the first of variable, PATH, own environment, conda environments.

    Raises `LabelerUnavailable` if there is none, or if the one that was asked for by name is not a Psi4: another one is
    never taken in its place, since its numbers might differ.
    """
    environ = os.environ if environ is None else environ
    asked = [(configured, "the configured path"), (environ.get(PSI4_VARIABLE), PSI4_VARIABLE)]
    for path, origin in asked:
        if path:
            return _asked_for(Path(path).expanduser(), origin)
    for path, origin in _places(environ, Path.home() if home is None else home):
        if install := _install_from_script(path, origin):
            return install
    raise LabelerUnavailable(f"Psi4 is not on this machine: {MEND}.")


def _asked_for(path: Path, origin: str) -> Psi4Install:
    """The Psi4 at a path that the user gave: a script, an interpreter or an environment's folder."""
    install: Psi4Install | None
    if path.is_file() and path.name.startswith("python"):
        install = Psi4Install(path, _module_dir(path.parent.parent), origin)
    elif path.is_dir():
        install = _install_from_script(path / "bin" / "psi4", origin)
    else:
        install = _install_from_script(path, origin)
    if install is None:
        raise LabelerUnavailable(
            f"{origin} says {path}, which is no psi4 script, no Python interpreter and no folder holding bin/psi4."
        )
    return install


def _places(environ: Mapping[str, str], home: Path) -> Iterator[tuple[Path, str]]:
    """Paths at which a psi4 script may be, best first, with the words for each."""
    on_path = shutil.which("psi4", path=environ.get("PATH", os.defpath))
    if on_path is not None:
        yield Path(on_path), "PATH"
    yield Path(sys.prefix) / "bin" / "psi4", "the Python environment of reactal"
    for prefix in _conda_prefixes(environ, home):
        yield prefix / "bin" / "psi4", f"the conda environment {prefix}"


def _conda_prefixes(environ: Mapping[str, str], home: Path) -> Iterator[Path]:
    """Every conda environment's folder that can be known without running conda."""
    if active := environ.get("CONDA_PREFIX"):
        yield Path(active)
    roots = [Path(environ[name]) for name in ("MAMBA_ROOT_PREFIX", "CONDA_ROOT") if environ.get(name)]
    if conda := environ.get("CONDA_EXE"):
        roots.append(Path(conda).parent.parent)
    roots += [home / name for name in CONDA_ROOTS]
    for root in [*roots, *SYSTEM_CONDA_ROOTS]:
        yield root
        yield from sorted((root / "envs").glob("*"))
    registry = home / ".conda" / "environments.txt"  # conda and mamba write every environment they make here
    if registry.is_file():
        yield from (Path(line.strip()) for line in registry.read_text().splitlines() if line.strip())


def _install_from_script(script: Path, origin: str) -> Psi4Install | None:
    """The install that a psi4 script belongs to; None where there is no such script or no interpreter for it."""
    try:
        script = script.resolve()
        with script.open("rb") as stream:
            head = stream.read(1024).decode(errors="replace")
    except OSError:
        return None
    interpreter = _interpreter(head, script.parent)
    return None if interpreter is None else Psi4Install(interpreter, _module_dir(script.parent.parent), origin)


def _interpreter(head: str, folder: Path) -> Path | None:
    """The Python named by a script's first lines, else the one beside it.

    conda and pip write long interpreter paths as `#!/bin/sh` followed by `'''exec' /long/path/python "$0" "$@"`.
    """
    named = re.match(r"#!\s*(\S*python[\d.]*)\s", head) or re.search(r"^'''exec' \"?([^\"\n]*?python[\d.]*)\"? ", head, re.M)
    beside = [folder / "python", folder / "python3"]
    candidates = [Path(named.group(1)), *beside] if named else beside
    if from_path := re.match(r"#!\s*\S*/env\s+(python[\d.]*)", head):
        candidates += [Path(found) for found in [shutil.which(from_path.group(1))] if found]
    return next((path for path in candidates if path.is_file() and os.access(path, os.X_OK)), None)


def _module_dir(prefix: Path) -> Path | None:
    """The library folder below `prefix` that holds the psi4 package outside of site-packages, as Debian's does."""
    libraries = [prefix / "lib", *sorted((prefix / "lib").glob("*-linux-gnu*")), prefix / "lib64"]
    return next((folder for folder in libraries if (folder / "psi4" / "__init__.py").is_file()), None)
