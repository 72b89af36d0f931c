"""Secrets are known by the names of their variables, and credentials by their place in a URL."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactal.cli.main import invoke
from reactal.errors import InputError
from reactal.labeling.apart_process import _environment
from reactal.labeling.base import LabelingResources
from reactal.labeling.locate import Psi4Install
from reactal.secrecy import HIDDEN, refuse_credentials, scrubbed, without_secrets

SECRET = "canary-of-a-secret"
NAMES = (
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
    *("PREFECT_API_KEY", "PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING", "PGPASSWORD", "smtp_password"),
)
PLAIN = ("PATH", "TOKENIZERS_PARALLELISM", "KEYBOARD", "OMP_NUM_THREADS", "MONKEY", "AWS_REGION")


@given(st.sampled_from(NAMES), st.text(max_size=40), st.text(max_size=40), st.text(alphabet="abcdefgh/+=123", min_size=8))
def test_a_secret_is_scrubbed_wherever_it_stands(name: str, before: str, after: str, secret: str) -> None:
    said = scrubbed(f"{before} {secret} {after}", {name: secret})
    assert secret not in said
    assert HIDDEN in said


@pytest.mark.parametrize("name", PLAIN)
def test_what_is_no_secret_is_left_as_it_is(name: str) -> None:
    assert scrubbed("the falsehood of it", {name: "falsehood"}) == "the falsehood of it"
    assert without_secrets({name: "falsehood"}) == {name: "falsehood"}


def test_the_password_of_a_pair_is_a_secret_by_itself() -> None:
    assert scrubbed("401 for long-password", {"PREFECT_API_AUTH_STRING": "admin:long-password"}) == f"401 for {HIDDEN}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pass@host/x", "https://***@host/x"),
        ("https://ghp_token@host/x", "https://***@host/x"),
        ("postgresql://me:pass@host/db", "postgresql://***@host/db"),
        ("postgresql://me@host/db", None),
        ("http://127.0.0.1:4200/api", None),
        ("sqlite:///folder/a@b/mlflow.db", None),
    ],
)
def test_credentials_in_a_url_are_hidden_and_refused(url: str, shown: str | None) -> None:
    assert scrubbed(f"no answer from {url};", {}) == f"no answer from {shown or url};"
    if shown is None:
        assert refuse_credentials(url, of="this URL") == url
    else:
        with pytest.raises(InputError, match=r"^this URL holds credentials; put them into the environment") as caught:
            refuse_credentials(url, of="this URL")
        assert "pass" not in str(caught.value)


def test_an_error_sentence_and_its_traceback_are_scrubbed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    assert invoke(["status", str(tmp_path / f"{SECRET}.yaml"), "--json"]) == 2
    captured = capsys.readouterr()
    assert SECRET not in captured.out + captured.err
    assert HIDDEN in captured.err


@pytest.mark.parametrize(
    "section", ["tracking: {kind: mlflow, uri: 'http://me:hush-hush@host:5000'}", "store: s3://me:hush-hush@b/p"]
)
def test_a_campaign_file_with_credentials_is_refused_without_repeating_them(
    section: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, length in (("r", 0.74), ("p", 0.9)):
        (tmp_path / f"{name}.xyz").write_text(f"2\n\nH 0 0 0\nH 0 0 {length}\n")
    file = tmp_path / "campaign.yaml"
    file.write_text(f"name: a\nreactant: r.xyz\nproduct: p.xyz\n{section}\n")
    assert invoke(["status", str(file), "--json"]) == 2
    captured = capsys.readouterr()
    assert "credentials" in captured.err
    assert "hush-hush" not in captured.out + captured.err


def test_programs_that_compute_get_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, SECRET)
    environ = _environment(LabelingResources(slots=1))
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(dict(os.environ))"], env=environ, capture_output=True, text=True, check=True
    )
    assert SECRET not in done.stdout
    assert "PATH" in done.stdout
    install = Psi4Install(Path(sys.executable), None, "here")
    assert SECRET not in install.environment(os.environ).values()
