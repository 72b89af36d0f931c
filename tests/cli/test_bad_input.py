"""Every mistake of a user: exit 2, one sentence that says what would be right, nothing written."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.toy import PRODUCT, REACTANT, leps_campaign, reactal

WATER = "3\nwater\nO 0 0 0\nH 0 0 0.96\nH 0.93 0 -0.24\n"
LITHIUM = PRODUCT.replace("H 0 0 2.65", "Li 0 0 2.65")
Files = dict[str, str]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def prefect_server_is_refused(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A mistake must be found before a server starts: any attempt to start one fails the test."""
    from flows.server import LocalServer

    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("a Prefect server was started for a campaign file that is wrong")

    monkeypatch.setattr(LocalServer, "__init__", refuse)
    yield


CASES: dict[str, tuple[Callable[[str], str], Files, list[str]]] = {
    "reactant missing": (lambda text: text.replace("r.xyz", "nowhere.xyz"), {}, ["nowhere.xyz"]),
    "reactant unreadable": (lambda text: text, {"r.xyz": "this is no geometry\n"}, ["r.xyz", "cannot be read"]),
    "file of campaign is no YAML": (lambda text: "name: [leps\n", {}, ["not readable YAML"]),
    "different atoms": (
        lambda text: text,
        {"p.xyz": PRODUCT.replace("H 0 0 2.65", "Li 0 0 2.65")},
        ["H3", "H2Li", "different atoms"],
    ),
    "atom order": (
        lambda text: text.replace("multiplicity: 2", "multiplicity: 1").replace("method: leps", "method: emt"),
        {"r.xyz": WATER, "p.xyz": "3\n\nH 0 0 0.99\nO 0 0 0\nH 0.95 0 -0.24\n"},
        ["different order", "[2, 1, 3]"],
    ),
    "odd electrons": (lambda text: text.replace("multiplicity: 2", "multiplicity: 1"), {}, ["3 electrons", "2, 4, 6"]),
    "not a number": (lambda text: text, {"r.xyz": REACTANT.replace("1.9", "nan")}, ["atom 2", "not finite"]),
    "overlapping atoms": (lambda text: text, {"p.xyz": PRODUCT.replace("0.75", "0.05")}, ["atoms 1 (H) and 2 (H)", "apart"]),
    "unknown method": (lambda text: text.replace("method: leps", "method: lepz"), {}, ["lepz/none", "leps/none"]),
    "unknown key": (lambda text: text.replace("multiplicity", "multiplicty"), {}, ["multiplicty", "did you mean multiplicity"]),
    "unknown key in a section": (
        lambda text: text.replace("budget: {labels", "budget: {lables"),
        {},
        ["budget.lables", "did you mean budget.labels"],
    ),
    "value out of range": (lambda text: text.replace("members: 2", "members: 1"), {}, ["model.members", "greater than"]),
    "same geometry twice": (lambda text: text, {"p.xyz": REACTANT}, ["same geometry"]),
    "store of an unknown kind": (lambda text: text + "store: ftp://host/folder\n", {}, ["ftp://host/folder", "s3://"]),
    "store in place of a file": (lambda text: text + "store: r.xyz/store\n", {}, ["store"]),
}


@pytest.mark.usefixtures("prefect_server_is_refused")
@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_run_refuses(case: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    change, files, words = CASES[case]
    file = leps_campaign(tmp_path)
    file.write_text(change(file.read_text()))
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    before = tree(tmp_path)

    answer = reactal(capfd, "run", file)

    assert answer.code == 2, answer
    assert answer.err.startswith("error: ") and answer.err.count("\n") == 1, answer.err
    assert "Traceback" not in answer.err
    for word in words:
        assert word in answer.err
    assert tree(tmp_path) == before


def test_missing_campaign_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = reactal(capfd, "run", tmp_path / "none.yaml")
    assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert "reactal init" in answer.err


def test_setting_that_is_none(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = reactal(capfd, "run", leps_campaign(tmp_path), "--set", "budget.labels")
    assert answer.code == 2
    assert "budget.labels=50" in answer.err


@pytest.mark.psi4
@pytest.mark.parametrize(("theory", "nearest"), [("hff/6-31g*", "hf"), ("hf/6-31gg*", "6-31g")])
def test_psi4_is_asked_for_method_and_basis(theory: str, nearest: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = leps_campaign(tmp_path)
    lines = [line for line in file.read_text().splitlines() if not line.startswith("theory")]
    file.write_text("\n".join([*lines, f"theory: {theory}", ""]))
    before = tree(tmp_path)

    answer = reactal(capfd, "run", file, "--engine", "inprocess")

    assert (answer.code, answer.err.count("\n")) == (2, 1), answer
    assert nearest in answer.err
    assert tree(tmp_path) == before


def test_store_that_cannot_be_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """In /proc nobody may make a folder, not even root."""
    answer = reactal(capfd, "run", leps_campaign(tmp_path, "store: /proc/store\n"), "--engine", "inprocess")
    assert (answer.code, answer.err.count("\n")) == (2, 1), answer
    assert "/proc/store" in answer.err
    assert sorted(tree(tmp_path)) == ["campaign.yaml", "p.xyz", "r.xyz"]


def test_second_driver(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from reactal.runner import Campaign

    file = leps_campaign(tmp_path)
    with Campaign(file) as first:
        first.begin()
        before = tree(tmp_path)
        answer = reactal(capfd, "run", file)
        assert tree(tmp_path) == before
    assert (answer.code, answer.err.count("\n")) == (2, 1), answer
    assert "another driver" in answer.err and str(os.getpid()) in answer.err


def test_changed_science(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from reactal.runner import Campaign

    file = leps_campaign(tmp_path)
    with Campaign(file) as first:
        first.begin()
    answer = reactal(capfd, "run", file, "--set", "training.batch=7")
    assert (answer.code, answer.err.count("\n")) == (2, 1), answer
    assert "training.batch: 10 -> 7" in answer.err and "reactal amend" in answer.err


def test_json_says_what_is_wrong_as_one_object(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    answer = reactal(capfd, "run", tmp_path / "none.yaml", "--json")
    assert answer.json["exit_code"] == answer.code == 2
    assert answer.json["kind"] == "ConfigError"


@pytest.mark.parametrize("arguments", [["run"], ["run", "--nonsense"], ["nonsense"], ["label", "x.xyz"]], ids=" ".join)
def test_usage_in_one_sentence(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    answer = reactal(capfd, *arguments)
    assert (answer.code, answer.err.count("\n")) == (2, 1), answer
    assert "--help" in answer.err


def test_own_faults_are_told_in_one_line_with_a_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object, **named: object) -> None:
        raise RuntimeError("a fault\nof ours")

    monkeypatch.setattr("reactal.config.load_config", broken)
    answer = reactal(capfd, "doctor", leps_campaign(tmp_path))
    assert (answer.code, answer.err.count("\n")) == (1, 1), answer
    log = Path(answer.err.split()[-1])
    assert "Traceback" in log.read_text()
    log.unlink()


def test_console_script_ends_with_the_exit_code(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "reactal.cli.main", "status", str(tmp_path / "none.yaml")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
