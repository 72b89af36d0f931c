"""The doctor looks at the real parts, survives broken ones, and writes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from reactal import doctor
from reactal.doctor import Finding, Setting, examine


def findings(setting: Setting, monkeypatch: pytest.MonkeyPatch, *names: str) -> dict[str, Finding]:
    """Only the named checks: importing every heavy part once is enough for the suite."""
    every = doctor._checks
    monkeypatch.setattr(doctor, "_checks", lambda given: tuple(check for check in every(given) if check.name in names))
    return {finding.name: finding for finding in examine(setting)}


@pytest.mark.psi4
@pytest.mark.slow
def test_this_machine_is_fit(tmp_path: Path) -> None:
    found = {finding.name: finding for finding in examine(Setting(store=str(tmp_path / "store")))}
    wanted = {"python", "psi4", "torch", "schnetpack", "prefect", "dask", "mlflow", "cores", "memory", "gpu", "scratch", "store"}
    assert set(found) == wanted
    for name in wanted - {"gpu", "memory", "scratch", "store"}:
        assert found[name].ok, found[name]
        assert found[name].mend is None
    assert not (tmp_path / "store").exists(), "looking must not make the store"


def test_missing_psi4_comes_with_its_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = findings(Setting(psi4=str(tmp_path / "psi4")), monkeypatch, "psi4")["psi4"]
    assert not finding.ok
    assert str(tmp_path / "psi4") in finding.detail
    assert finding.mend is not None
    assert "make setup" in finding.mend


def test_broken_installation_is_a_finding_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(package: str) -> None:
        raise OSError(f"lib{package}.so: cannot open shared object file")

    monkeypatch.setattr(doctor, "import_module", broken)
    finding = findings(Setting(), monkeypatch, "mlflow")["mlflow"]
    assert (finding.ok, finding.detail) == (False, "OSError: libmlflow.so: cannot open shared object file")


def test_what_networks_compute_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings(Setting(device="cpu"), monkeypatch, "gpu")["gpu"].detail.endswith("networks train and compute on the CPU")
    finding = findings(Setting(device="cuda:99"), monkeypatch, "gpu")["gpu"]
    assert (finding.ok, finding.detail.startswith("device cuda:99: ")) == (False, True)


def test_store_folder_that_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    finding = findings(Setting(store=f"file://{tmp_path}/file/store"), monkeypatch, "store")["store"]
    assert not finding.ok
    assert "is a file" in finding.detail


def test_full_disk_is_said_with_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LEAST_DISK_GIB", 1e9)
    finding = findings(Setting(store=str(tmp_path)), monkeypatch, "store")["store"]
    assert not finding.ok
    assert "GiB free" in finding.detail


def test_store_of_unknown_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    finding = findings(Setting(store="ftp://somewhere"), monkeypatch, "store")["store"]
    assert not finding.ok
    assert "ftp://somewhere" in finding.detail
