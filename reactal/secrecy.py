"""What must not be told: the values of variables that are secret by their name, and credentials in URLs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from reactal.errors import InputError

__all__ = ["HIDDEN", "check_no_credentials", "refuse_credentials", "scrubbed", "without_secrets"]

HIDDEN = "***"
SHORTEST = 8
"""Characters: what is shorter is no secret, and would be found in ordinary words."""
_SECRET = re.compile(r"(?:^|_|PG)(?:SECRET|PASSWORD|PASSWD|PASSPHRASE|TOKEN|KEY|AUTH_STRING)(?:_|$)", re.IGNORECASE)
_IN_URL = re.compile(r"(?<=http://)[^/\s@]+(?=@)|(?<=https://)[^/\s@]+(?=@)|(?<=://)[^/\s@:]*:[^/\s@]+(?=@)")
"""A user alone is no secret but to a web server, to which it may be a token."""


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """For programs that compute and talk to nobody."""
    return {name: value for name, value in environ.items() if not _SECRET.search(name)}


def scrubbed(text: str, environ: Mapping[str, str] | None = None) -> str:
    """The text as it may be shown, kept and sent."""
    environ = os.environ if environ is None else environ
    secrets = {value for name, value in environ.items() if _SECRET.search(name) and len(value) >= SHORTEST}
    secrets |= {part for value in secrets if len(part := value.partition(":")[2]) >= SHORTEST}  # user:password
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _IN_URL.sub(HIDDEN, text)


def check_no_credentials(url: str | None) -> str | None:
    """`url` itself; `ValueError` where it holds a password: URLs are written into journals, pages and logs."""
    if url is not None and _IN_URL.search(url):
        raise ValueError("holds credentials; put them into the environment (docs/security.md)")
    return url


def refuse_credentials(url: str, *, of: str) -> str:
    """`url` itself; `InputError` for one with credentials. `of`: whose URL it is."""
    try:
        check_no_credentials(url)
    except ValueError as error:
        raise InputError(f"{of} {error}") from None
    return url
