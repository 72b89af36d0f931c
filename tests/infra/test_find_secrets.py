"""The search for committed secrets finds each kind, and nothing in what is here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.find_secrets import PATTERNS, secrets_in

ROOT = Path(__file__).parents[2]
PLANTED = {  # put together here, so that this file holds none
    "a private key": "-----BEGIN RSA PRIVATE " + "KEY-----",
    "an access key of AWS": "AKIA" + "IOSFODNN7ABCDEFG",
    "a secret key of AWS": "AWS_SECRET_ACCESS_KEY=" + 40 * "a",
    "a token of GitHub": "ghp_" + 36 * "a",
    "a token of Slack": "xoxb-" + "1234567890-abc",
    "a key of Google": "AIza" + 35 * "a",
    "a key of Prefect": "pnu_" + 36 * "a",
    "a token of PyPI": "pypi-" + 60 * "a",
    "a password in a URL": "postgresql://me:" + "longenough@host/db",
}


def test_there_is_an_example_of_each_kind() -> None:
    assert set(PLANTED) == set(PATTERNS)


@pytest.mark.parametrize("what", PLANTED)
def test_each_kind_is_found_where_it_stands(what: str) -> None:
    assert list(secrets_in(f"first line\nkey: '{PLANTED[what]}'\n")) == [(2, what)]
    assert list(secrets_in(f"{PLANTED[what]}  # allowed secret")) == []


@pytest.mark.parametrize(
    "text", ["http://host:5000/a", "s3://bucket/a@b", "https://{user}:{password}@host", "AKIAREACTALTESTS0001"]
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert list(secrets_in(text)) == []


def test_this_repository_holds_none() -> None:
    done = subprocess.run([sys.executable, "infra/find_secrets.py"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_secret_in_a_tracked_file_is_named_by_its_place_and_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("\n" + PLANTED["a token of GitHub"])
    for command in (["git", "init", "-q"], ["git", "add", "notes.txt"]):
        subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([sys.executable, ROOT / "infra/find_secrets.py"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "notes.txt:2: a token of GitHub" in done.stderr
    assert PLANTED["a token of GitHub"] not in done.stdout + done.stderr
