"""Keys and tokens that were committed by mistake: `python infra/find_secrets.py`, exit code 1 where there are any."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

PATTERNS = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    "an access key of AWS": re.compile(r"\b(?:AKIA|ASIA)(?=[A-Z0-9]*\d)[A-Z0-9]{16}\b"),
    "a secret key of AWS": re.compile(r"(?i)aws_secret_access_key\W{1,4}[A-Za-z0-9/+]{40}\b"),
    "a token of GitHub": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bgithub_pat_\w{40,}\b"),
    "a token of Slack": re.compile(r"\bxox[abprs]-[A-Za-z0-9-]{10,}\b"),
    "a key of Google": re.compile(r"\bAIza[A-Za-z0-9_-]{35}\b"),
    "a key of Prefect": re.compile(r"\bpn[ub]_[A-Za-z0-9]{30,}\b"),
    "a token of PyPI": re.compile(r"\bpypi-[A-Za-z0-9_-]{50,}"),
    "a password in a URL": re.compile(
        r"\b(?:https?|postgresql|mysql|s3|amqp|redis)://[^\s/:@'\"{}<>*$]+:[^\s/:@'\"{}<>*$]{6,}@[\w.-]+"
    ),
}
LARGEST = 5 << 20  # bytes; nobody writes larger files by hand
ALLOWED = "allowed secret"
"""A line with these words is a test's."""
WORDS = re.compile(r"TESTS|WRONG|EXAMPLE|hush-hush")
"""In what is no secret: the names of made-up ones."""


def tracked() -> Iterator[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True, check=True).stdout
    return (path for name in listed.decode().split("\0") if name and (path := Path(name)).is_file())


def secrets_in(text: str) -> Iterator[tuple[int, str]]:
    """Line number, from 1, and what it holds."""
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in PATTERNS.items():
            if (found := pattern.search(line)) and ALLOWED not in line and not WORDS.search(found[0]):
                yield number, what


def main() -> int:
    """Names the place and the kind, never the secret."""
    found = []
    for path in tracked():
        data = b"" if path.stat().st_size > LARGEST else path.read_bytes()
        found += [f"{path}:{number}: {what}" for number, what in secrets_in(data.decode(errors="ignore"))]
    for line in found:
        print(line, file=sys.stderr)
    if found:
        print(
            "take it out of the history and make it void; a test's own says WRONG or EXAMPLE, or 'allowed secret'",
            file=sys.stderr,
        )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
