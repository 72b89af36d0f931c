"""Which names objects may have, the same for every kind of store."""

from __future__ import annotations

import re

__all__ = ["check_key", "check_prefix", "is_key"]

LONGEST_SEGMENT = 200  # file systems stop at 255 bytes
LONGEST_KEY = 800  # S3 stops at 1,024 bytes, of which the store's own prefix takes some
_SEGMENT = re.compile(r"[A-Za-z0-9._=+-]+")


def is_key(key: str) -> bool:
    """Whether `key` is a relative POSIX path of plain segments."""
    return len(key) <= LONGEST_KEY and all(_is_segment(segment) for segment in key.split("/"))


def check_key(key: str) -> str:
    """`key` itself; `ValueError` if it is none."""
    if not is_key(key):
        raise ValueError(f"{key!r} is no key; keys are relative paths whose parts are of A-Z a-z 0-9 . _ = + -")
    return key


def check_prefix(prefix: str) -> str:
    """`prefix` itself; `ValueError` if no key could start with it."""
    folder, _, rest = prefix.rpartition("/")
    startable = rest in ("", ".", "..") or is_key(rest)
    if not startable or (folder and not is_key(folder)) or prefix.startswith("/"):
        raise ValueError(f"no key starts with {prefix!r}; keys are relative paths whose parts are of A-Z a-z 0-9 . _ = + -")
    return prefix


def _is_segment(text: str) -> bool:
    return text not in (".", "..") and len(text) <= LONGEST_SEGMENT and _SEGMENT.fullmatch(text) is not None
