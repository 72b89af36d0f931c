"""Set-up of a machine: what it would install by which way, and that the second call does nothing."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """infra/bootstrap.py of a copy of the project, on a machine whose PATH holds nothing but what the test puts there."""
    for name in ("pyproject.toml", "constraints.txt", "overrides.txt", "infra/bootstrap.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    spec = importlib.util.spec_from_file_location("bootstrap", tmp_path / "infra" / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "env").symlink_to("/usr/bin/env")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    return module


def program(root: Path, name: str, *, status: int = 0) -> None:
    """A program on PATH that notes how it was called and ends with `status`."""
    path = root / "bin" / name
    path.write_text(f'#!/bin/sh\necho {name} "$@" >> {root}/calls\nexit {status}\n')
    path.chmod(0o755)


def calls(root: Path) -> list[str]:
    return (root / "calls").read_text().splitlines() if (root / "calls").exists() else []


@pytest.mark.parametrize("conda", ["conda", "mamba", "micromamba"])
def test_psi4_comes_from_conda_where_there_is_one(tmp_path: Path, bootstrap: ModuleType, conda: str) -> None:
    program(tmp_path, conda)
    program(tmp_path, "apt-get")
    bootstrap.install_psi4()
    assert calls(tmp_path) == [f"{conda} create -y -q -n reactal-psi4 -c conda-forge psi4"]


def test_psi4_comes_from_apt_where_conda_fails(tmp_path: Path, bootstrap: ModuleType) -> None:
    program(tmp_path, "conda", status=1)
    program(tmp_path, "apt-get")
    bootstrap.install_psi4()
    assert calls(tmp_path)[1:] == ["apt-get -qq update", "apt-get -qq install -y psi4"]


def test_sudo_is_used_by_a_user_who_has_it(tmp_path: Path, bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program(tmp_path, "apt-get")
    program(tmp_path, "sudo")
    bootstrap.install_psi4()
    assert calls(tmp_path)[-1] == "sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y psi4"


def test_without_any_way_a_sentence_says_what_to_do(bootstrap: ModuleType) -> None:
    with pytest.raises(bootstrap.SetupError, match=r"neither .* install Psi4 by hand .* REACTAL_PSI4"):
        bootstrap.install_psi4()


def test_without_the_right_to_install_apt_is_left_alone(
    tmp_path: Path, bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    program(tmp_path, "apt-get")
    with pytest.raises(bootstrap.SetupError, match="root or sudo"):
        bootstrap.install_psi4()
    assert calls(tmp_path) == []


def test_apt_without_the_package_is_said(tmp_path: Path, bootstrap: ModuleType) -> None:
    program(tmp_path, "apt-get", status=100)
    with pytest.raises(bootstrap.SetupError, match="package sources have no Psi4"):
        bootstrap.install_psi4()


def test_second_call_does_nothing(tmp_path: Path, bootstrap: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    bootstrap.PYTHON.parent.mkdir(parents=True)
    bootstrap.PYTHON.symlink_to(sys.executable)
    bootstrap.STAMP.write_text(json.dumps({"fingerprint": bootstrap.fingerprint(), "psi4": sys.executable}))
    assert bootstrap.main() == 0
    assert capsys.readouterr() == ("", "")
    assert calls(tmp_path) == []


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt", "overrides.txt", "infra/bootstrap.py"])
def test_every_source_of_the_environment_counts(tmp_path: Path, bootstrap: ModuleType, name: str) -> None:
    before = bootstrap.fingerprint()
    (tmp_path / name).write_text((tmp_path / name).read_text() + "\n# changed\n")
    assert bootstrap.fingerprint() != before


def test_unreadable_stamp_means_no_set_up_yet(bootstrap: ModuleType) -> None:
    bootstrap.STAMP.parent.mkdir()
    bootstrap.STAMP.write_text("half a sta")
    assert bootstrap.read_stamp() == {}


def test_old_python_is_told_so(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "OLDEST", (99, 0))
    assert bootstrap.main() == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_pip_settings_reach_uv(tmp_path: Path, bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    configuration = tmp_path / "pip.conf"
    configuration.write_text("[global]\nindex-url = https://example.org/simple\nfind-links =\n    one\n    two\n")
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(configuration))
    monkeypatch.setattr(bootstrap, "PYTHON", Path(sys.executable))
    assert environment(bootstrap)["UV_FIND_LINKS"] == "one,two"
    assert environment(bootstrap)["UV_DEFAULT_INDEX"] == "https://example.org/simple"
    monkeypatch.setenv("PIP_FIND_LINKS", "three")
    assert environment(bootstrap)["UV_FIND_LINKS"] == "three", "a variable wins over the file"
    monkeypatch.setenv("UV_FIND_LINKS", "four")
    assert environment(bootstrap)["UV_FIND_LINKS"] == "four", "uv's own variable wins over pip's"


def environment(bootstrap: ModuleType) -> dict[str, str]:
    settings: dict[str, str] = bootstrap.uv_environment(bootstrap.pip_settings())
    return settings


def test_only_a_torch_wheel_for_this_python_counts(tmp_path: Path, bootstrap: ModuleType) -> None:
    here = f"cp{sys.version_info.major}{sys.version_info.minor}"
    for tag in (here, "cp27"):
        (tmp_path / tag).mkdir()
        (tmp_path / tag / f"torch-2.13.0-{tag}-{tag}-linux_x86_64.whl").touch()
    assert bootstrap.holds_torch(f"https://example.org,{tmp_path / here}")
    assert bootstrap.holds_torch(f"file://{tmp_path / here}")
    assert not bootstrap.holds_torch(f"{tmp_path / 'cp27'},")


def test_constraints_name_no_place() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert len(lines) > 100
    for line in lines:
        name, equals, version = line.partition("==")
        assert equals, line
        assert not set(name + version) & set("/@+: "), line
