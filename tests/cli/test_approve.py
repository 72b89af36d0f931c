"""`reactal approve`: a campaign that waits for a person says so, and goes on when it was told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.toy import leps_campaign, reactal

WAITING = 3


def asking(folder: Path, labels: int) -> Path:
    file = leps_campaign(folder)
    file.write_text(
        file.read_text().replace("budget: {labels: 35}", f"budget: {{labels: 35, approve_above: {{labels: {labels}}}}}")
    )
    return file


@pytest.mark.slow
def test_a_campaign_waits_and_goes_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = asking(tmp_path, 5)
    first = reactal(capfd, "run", file, "--engine", "inprocess")
    assert first.code == WAITING and "waiting" in first.out
    assert (
        f"leps waits for approval: the next 32 labels may bring what is spent to 32 labels (approved: 5); "
        f"`reactal approve {file}`" in first.err
    )
    assert "Traceback" not in first.err and "nothing left to do" not in first.err
    status = reactal(capfd, "status", file, "--json").json
    assert status["verdict"] == "waiting" and status["labels"]["asked"] == 0
    assert status["next"].startswith("nothing: waits for approval")

    told = reactal(capfd, "approve", file, "--labels", "32", "--reason", "Ada", "--json")
    assert told.code == 0 and told.json["approved"] == {"labels": 32, "money": None} and told.json["resumed"] == []
    second = reactal(capfd, "run", file, "--engine", "inprocess", "--json")
    assert second.code == WAITING, "the ends are relaxed; the first batch would pass 32"
    asked = second.json["labels"]["asked"]
    assert 0 < asked <= 32 and second.json["verdict"] == "waiting"

    assert reactal(capfd, "approve", file).code == 0
    last = reactal(capfd, "run", file, "--engine", "inprocess", "--json")
    assert last.code == 0 and last.json["labels"]["asked"] > 32
    over = reactal(capfd, "approve", file)
    assert over.code == 2 and "there is nothing to approve" in over.err


def test_where_nothing_asks_there_is_nothing_to_approve(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = reactal(capfd, "approve", leps_campaign(tmp_path))
    assert answer.code == 2 and "has no budget.approve_above" in answer.err
