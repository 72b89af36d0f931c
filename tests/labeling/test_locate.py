"""Finding a Psi4: fake installations of every known layout, and the one of this machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reactal.errors import LabelerUnavailable
from reactal.labeling import locate
from reactal.labeling.locate import Psi4Install, find_psi4


@pytest.fixture(autouse=True)
def no_system_conda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Conda of the machine that runs the tests must not answer for the fake trees."""
    monkeypatch.setattr(locate, "SYSTEM_CONDA_ROOTS", ())


def executable(path: Path, text: str = "#!/bin/sh\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def environment_with_psi4(prefix: Path) -> Path:
    """A folder like a conda environment's, with a psi4 script for its own Python; returns that Python."""
    python = executable(prefix / "bin" / "python3.12")
    executable(prefix / "bin" / "psi4", f"#!{python}\nimport psi4\n")
    return python


def search(home: Path, **environ: str) -> Psi4Install:
    return find_psi4(environ={"PATH": "", **environ}, home=home)


def test_script_on_path_gives_its_shebang_interpreter(tmp_path: Path) -> None:
    python = environment_with_psi4(tmp_path / "env")
    found = search(tmp_path, PATH=str(tmp_path / "env" / "bin"))
    assert found == Psi4Install(python, None, "PATH")


def test_debian_layout_puts_the_library_folder_on_pythonpath(tmp_path: Path) -> None:
    python = environment_with_psi4(tmp_path / "usr")
    package = tmp_path / "usr" / "lib" / "x86_64-linux-gnu" / "psi4"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    found = search(tmp_path, PATH=str(tmp_path / "usr" / "bin"))
    assert (found.interpreter, found.module_dir) == (python, package.parent)
    changed = found.environment({"PYTHONPATH": "of another Python", "PYTHONHOME": "elsewhere", "LANG": "C"})
    assert changed == {"PYTHONPATH": str(package.parent), "LANG": "C"}


def test_link_to_the_script_leads_to_its_own_prefix(tmp_path: Path) -> None:
    python = environment_with_psi4(tmp_path / "real")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "psi4").symlink_to(tmp_path / "real" / "bin" / "psi4")
    assert search(tmp_path, PATH=str(tmp_path / "bin")).interpreter == python


@pytest.mark.parametrize(
    "head",
    [
        "#!/usr/bin/env python\n",
        '#!/bin/sh\n\'\'\'exec\' "{python}" "$0" "$@"\n',
        "#!/bin/sh\n'''exec' {python} \"$0\" \"$@\"\n",
        "#!/no/such/folder/bin/python3.9\n",
    ],
    ids=["env", "quoted exec", "exec", "moved environment"],
)
def test_every_kind_of_first_line(tmp_path: Path, head: str) -> None:
    python = executable(tmp_path / "bin" / "python")
    executable(tmp_path / "bin" / "psi4", head.format(python=python))
    assert search(tmp_path, PATH=str(tmp_path / "bin")).interpreter == python


@pytest.mark.parametrize("root", ["miniconda3", "anaconda3", "miniforge3", "micromamba"])
def test_named_environment_below_home(tmp_path: Path, root: str) -> None:
    python = environment_with_psi4(tmp_path / root / "envs" / "chem")
    (tmp_path / root / "envs" / "another" / "bin").mkdir(parents=True)
    assert search(tmp_path).interpreter == python


def test_conda_variables_and_registry(tmp_path: Path) -> None:
    active, rooted, listed = (environment_with_psi4(tmp_path / name) for name in ("active", "root/envs/chem", "listed"))
    assert search(tmp_path, CONDA_PREFIX=str(tmp_path / "active")).interpreter == active
    assert search(tmp_path, CONDA_EXE=str(tmp_path / "root" / "bin" / "conda")).interpreter == rooted
    registry = tmp_path / ".conda" / "environments.txt"
    registry.parent.mkdir()
    registry.write_text(f"{tmp_path / 'gone'}\n{tmp_path / 'listed'}\n")
    assert search(tmp_path).interpreter == listed


def test_path_comes_before_conda_and_the_variable_before_both(tmp_path: Path) -> None:
    variable, path, active = (environment_with_psi4(tmp_path / name) for name in ("variable", "path", "active"))
    places = {"PATH": str(tmp_path / "path" / "bin"), "CONDA_PREFIX": str(tmp_path / "active")}
    assert search(tmp_path, **places).interpreter == path
    assert search(tmp_path, CONDA_PREFIX=places["CONDA_PREFIX"]).interpreter == active
    chosen = search(tmp_path, **places, REACTAL_PSI4=str(tmp_path / "variable" / "bin" / "psi4"))
    assert (chosen.interpreter, chosen.found_by) == (variable, "REACTAL_PSI4")


@pytest.mark.parametrize("asked", ["", "bin/psi4", "bin/python3.12"], ids=["folder", "script", "interpreter"])
def test_configured_as_folder_script_or_interpreter(tmp_path: Path, asked: str) -> None:
    python = environment_with_psi4(tmp_path / "env")
    other = environment_with_psi4(tmp_path / "other")
    found = find_psi4(tmp_path / "env" / asked, environ={"PATH": "", "REACTAL_PSI4": str(other)}, home=tmp_path)
    assert found == Psi4Install(python, None, "the configured path")


def test_a_configured_path_that_is_wrong_is_never_replaced(tmp_path: Path) -> None:
    environment_with_psi4(tmp_path / "env")
    with pytest.raises(LabelerUnavailable, match="gone"):
        find_psi4(tmp_path / "gone", environ={"PATH": str(tmp_path / "env" / "bin")}, home=tmp_path)


def test_none_found_says_what_to_do(tmp_path: Path) -> None:
    executable(tmp_path / "bin" / "psi4", "#!/no/such/python\n")  # a script without its interpreter is no Psi4
    with pytest.raises(LabelerUnavailable, match=r"conda create .*apt-get install psi4.*REACTAL_PSI4"):
        search(tmp_path, PATH=str(tmp_path / "bin"))


@pytest.mark.psi4
def test_psi4_of_this_machine_is_found() -> None:
    found = find_psi4()
    assert os.access(found.interpreter, os.X_OK)
    assert found.module_dir is None or (found.module_dir / "psi4" / "__init__.py").is_file()
