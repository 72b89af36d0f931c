"""A whole campaign from the command line, without Prefect."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.toy import leps_campaign, reactal

PROMISED = {
    "verdict": str,
    "barriers": list,
    "labels": dict,
    "random_arm": dict,
    "trust_region": dict,
    "iterations": int,
    "seconds": dict,
    "report": str,
    "store": str,
    "mlflow": dict,
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign that was run to its end in a process of its own, and beside it what it printed."""
    folder = tmp_path_factory.mktemp("finished")
    file = leps_campaign(folder)
    command = [sys.executable, "-m", "reactal.cli.main", "run", str(file), "--engine", "inprocess", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (folder / "printed.json").write_text(done.stdout)
    (folder / "progress.txt").write_text(done.stderr)
    return file


@pytest.mark.slow
def test_json_is_one_object_with_all_that_is_promised(finished: Path) -> None:
    summary = json.loads(finished.with_name("printed.json").read_text())
    for key, kind in PROMISED.items():
        assert isinstance(summary[key], kind), key
    assert summary["labels"]["computed"] + summary["labels"]["reused"] + summary["labels"]["failed"] > 0
    assert summary["seconds"]["total"] > 0
    assert Path(summary["report"]).is_file()
    for barrier in summary["barriers"]:
        assert {"model_kcal", "reference_kcal", "error_kcal", "ts_force_max_ev_per_ang", "negative_modes"} <= set(barrier)


@pytest.mark.slow
def test_progress_is_a_line_a_stage_where_nobody_watches(finished: Path) -> None:
    lines = finished.with_name("progress.txt").read_text().splitlines()
    assert [line.partition(":")[0] for line in lines][:4] == ["seed", "label 0", "train 0", "explore 0"]
    assert not any("\x1b" in line for line in lines)


@pytest.mark.slow
def test_run_again_is_done_and_computes_nothing(finished: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = json.loads(finished.with_name("printed.json").read_text())
    again = reactal(capfd, "run", finished, "--json")
    assert again.code == 0
    assert again.json == before
    assert "nothing left to do" in again.err
    assert not (finished.parent / ".reactal" / "prefect").exists(), "no server for a campaign that is done"


@pytest.mark.slow
def test_verdict_tells_people_the_same(finished: Path, capfd: pytest.CaptureFixture[str]) -> None:
    summary = json.loads(finished.with_name("printed.json").read_text())
    answer = reactal(capfd, "status", finished)
    assert answer.code == 0
    assert summary["verdict"].replace("_", " ") in answer.out
    assert f"{summary['labels']['computed']} computed" in answer.out
    assert f"reactal resume {finished}" in " ".join(answer.out.split())


@pytest.mark.slow
def test_report_is_written_where_it_says(finished: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = reactal(capfd, "report", finished, "--json")
    assert answer.code == 0
    assert Path(answer.json["report"]).read_text().lstrip().lower().startswith("<!doctype html")
    assert json.loads(Path(answer.json["figures"]).read_text())
    assert {Path(file).suffix for file in answer.json["files"]} == {".html", ".json", ".svg", ".png", ".md", ".gz"}
    assert all(Path(file).is_file() for file in answer.json["files"])


@pytest.mark.slow
def test_model_of_a_campaign_predicts(finished: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = finished.with_name("predicted.extxyz")
    answer = reactal(capfd, "predict", finished, finished.with_name("r.xyz"), "--out", out, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["n"] == 1 and out.is_file()
    told = reactal(capfd, "predict", finished, finished.with_name("r.xyz"), "--out", out)
    for heading in ("atoms", "energy", "largest", "disagree-", "trusted", "H3"):
        assert heading in told.out, heading
    assert f"{answer.json['energy_ev'][0]:.4f}" in told.out and "1 predicted" in told.out


@pytest.mark.slow
def test_watching_ends_with_the_campaign(finished: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = reactal(capfd, "status", finished, "--watch", "0.5")
    assert answer.code == 0 and answer.out.count("doing next") == 1
    refused = reactal(capfd, "status", finished, "--watch", "1", "--json")
    assert refused.code == 2 and "--watch is for people" in refused.json["error"]


def test_status_of_a_campaign_that_has_not_begun(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = leps_campaign(tmp_path)
    answer = reactal(capfd, "status", file, "--json")
    assert answer.json["verdict"] == "running" and answer.json["events"] == 0
    assert answer.json["next"] == "relax the ends and propose the first structures"
    assert not (tmp_path / ".reactal").exists()


def test_report_of_a_campaign_that_has_not_begun(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert reactal(capfd, "report", leps_campaign(tmp_path)).code == 2


def test_pause_stops_a_run_and_resume_lets_it_go_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from reactal.runner import Campaign

    file = leps_campaign(tmp_path)
    with Campaign(file) as driver:
        driver.begin()
    assert reactal(capfd, "pause", file, "--reason", "lunch").code == 0
    paused = reactal(capfd, "run", file, "--json")
    assert (paused.code, paused.json["verdict"], paused.json["labels"]["asked"]) == (0, "paused", 0)
    assert reactal(capfd, "status", file, "--json").json["next"] == "nothing: paused (lunch)"
    assert reactal(capfd, "resume", file, "--json").json["resumed"] is True
    assert reactal(capfd, "resume", file, "--json").json["resumed"] is False
    assert reactal(capfd, "status", file, "--json").json["verdict"] == "running"


def test_amendment_says_what_changes(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from reactal.runner import Campaign

    file = leps_campaign(tmp_path)
    not_begun = reactal(capfd, "amend", file, "--set", "training.batch=5", "--reason", "why not")
    assert not_begun.code == 2 and "not begun" in not_begun.err
    with Campaign(file) as driver:
        driver.begin()
    amended = reactal(capfd, "amend", file, "--set", "training.batch=5", "--reason", "smaller", "--json")
    assert amended.json["changes"] == ["training.batch: 10 -> 5"]
    assert reactal(capfd, "run", file).code == 2, "the file still says otherwise"


@pytest.mark.slow
def test_ctrl_c_is_one_sentence_and_the_same_command_goes_on(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = leps_campaign(tmp_path)
    file.write_text(file.read_text().replace("steps_first: 60", "steps_first: 100000"))
    command = [sys.executable, "-m", "reactal.cli.main", "run", str(file), "--engine", "inprocess"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    assert process.stderr is not None
    told = ""
    while "label 0" not in told:  # then it trains, for longer than anybody waits
        told += process.stderr.readline()
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "stopped; run again to go on\n")
    status = reactal(capfd, "status", file, "--json").json
    assert status["verdict"] == "running" and status["labels"]["asked"] > 0
