"""`reactal up`: pages that answer, a server that runs find, and nothing left when it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.cli.toy import leps_campaign
from tests.flows.conftest import until


@pytest.mark.server
@pytest.mark.slow
def test_pages_answer_and_end(tmp_path: Path) -> None:
    file = leps_campaign(tmp_path)
    command = [sys.executable, "-m", "reactal.cli.main", "up", str(file), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    told = ""
    while not told.endswith("}\n"):
        line = process.stdout.readline()
        assert line, f"`reactal up` ended with {process.wait()}"
        told += line
    links = json.loads(told)
    published = tmp_path / ".reactal" / "prefect" / "server.json"
    assert json.loads(published.read_text())["page"] == links["prefect"]
    assert answers(f"{links['prefect']}/api/health")
    until(lambda: answers(links["mlflow"]), "MLflow's page")

    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 0
    assert not published.exists()
    assert not answers(f"{links['prefect']}/api/health") and not answers(links["mlflow"])


def answers(link: str) -> bool:
    try:
        with urllib.request.urlopen(link, timeout=10) as page:
            return page.status == 200
    except OSError:
        return False


def test_ports_that_are_taken_are_left_alone() -> None:
    import socket

    from reactal.cli.up import free_port

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert free_port(taken.getsockname()[1]) != taken.getsockname()[1]


def test_without_a_campaign_the_folder_last_at_work_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    from reactal.cli.homes import reactal_folder

    monkeypatch.chdir(tmp_path)
    assert reactal_folder(None) == tmp_path / ".reactal"
    for age, name in enumerate(["one", "examples/two", "three"]):
        store = tmp_path / name / ".reactal" / "store"
        store.mkdir(parents=True)
        for path in (store, store.parent):
            os.utime(path, (1e9 - age, 1e9 - age))
    os.utime(tmp_path / "examples" / "two" / ".reactal" / "store", (2e9, 2e9))
    assert reactal_folder(None) == tmp_path / "examples" / "two" / ".reactal"
    assert reactal_folder(leps_campaign(tmp_path / "mine")) == tmp_path / "mine" / ".reactal"
