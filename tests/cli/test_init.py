"""`reactal init`: what it writes is what `reactal run` reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from reactal.config import load_config
from tests.cli.toy import reactal

HCN = "3\nhcn\nH 0 0 -1.06\nC 0 0 0\nN 0 0 1.15\n"
HNC = "3\nhnc\nH 0 0 2.15\nC 0 0 0\nN 0 0 1.16\n"
HNC_OTHERWISE = "3\nhnc\nN 0 0 1.16\nH 0 0 2.15\nC 0 0 0\n"


@pytest.fixture
def ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {"hcn.xyz": HCN, "hnc.xyz": HNC, "other.xyz": HNC_OTHERWISE}.items():
        Path(name).write_text(text)
    return tmp_path


def init(capfd: pytest.CaptureFixture[str], *more: str, product: str = "hnc.xyz"):
    return reactal(capfd, "init", "isomer", "--reactant", "hcn.xyz", "--product", product, *more)


def test_minimal_file_loads(ends: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = init(capfd, "--theory", "wb97x-d/def2-svp", "--json")
    assert answer.code == 0
    config = load_config(answer.json["campaign"])
    assert (config.name, config.theory.method, config.theory.basis) == ("isomer", "wb97x-d", "def2-svp")
    assert config.ends[0].symbols == ("H", "C", "N")


def test_all_settings_mean_the_same_as_the_minimal_file(ends: Path, capfd: pytest.CaptureFixture[str]) -> None:
    options = ("--charge", "1", "--multiplicity", "2", "--theory", "mp2/cc-pvdz")
    assert init(capfd, *options).code == 0
    minimal = load_config("isomer/campaign.yaml")
    Path("isomer").rename("minimal")
    assert init(capfd, *options, "--all").code == 0
    everything = load_config("isomer/campaign.yaml")
    assert everything.science() == minimal.science()
    text = Path("isomer/campaign.yaml").read_text()
    assert "saddle_weight" in text and "#" in text


def test_nothing_is_overwritten(ends: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert init(capfd).code == 0
    Path("isomer/campaign.yaml").write_text("mine")
    answer = init(capfd)
    assert answer.code == 2 and "there already" in answer.err
    assert Path("isomer/campaign.yaml").read_text() == "mine"


def test_other_atom_order_is_mapped_on_request(ends: Path, capfd: pytest.CaptureFixture[str]) -> None:
    refused = init(capfd, product="other.xyz")
    assert refused.code == 2 and "[2, 3, 1]" in refused.err and "--reorder" in refused.err
    assert not Path("isomer").exists()
    assert init(capfd, "--reorder", product="other.xyz").code == 0
    reactant, product = load_config("isomer/campaign.yaml").ends
    assert product.symbols == reactant.symbols
    assert product.positions[0, 2] == pytest.approx(2.15)


def test_wrong_theory_is_refused_before_anything_is_written(ends: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = init(capfd, "--theory", "hf")
    assert answer.code == 2 and "method/basis" in answer.err
    assert not Path("isomer").exists()
