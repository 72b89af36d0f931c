"""What `reactal deploy` refuses before anything is registered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.toy import leps_campaign, reactal

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def without_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def test_a_pool_has_a_name(capfd: pytest.CaptureFixture[str]) -> None:
    answer = reactal(capfd, "deploy", "--kind", "docker")
    assert answer.code == 2 and "give it a name with --pool" in answer.err


def test_a_campaign_that_is_not_there(capfd: pytest.CaptureFixture[str]) -> None:
    answer = reactal(capfd, "deploy", "nowhere.yaml", "--pool", "reactal")
    assert answer.code == 2 and "there is no campaign file nowhere.yaml" in answer.err


def test_outside_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    answer = reactal(capfd, "deploy")
    assert answer.code == 2 and "call `reactal deploy` in a checkout" in answer.err


def test_a_pool_needs_a_server_that_stays(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = reactal(capfd, "deploy", leps_campaign(tmp_path), "--pool", "reactal")
    assert answer.code == 2 and "start one with `reactal up` for the same campaign" in answer.err
    assert not (tmp_path / ".reactal").exists()
