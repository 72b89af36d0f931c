"""Files that decide a label's number. A theory names them with the hash of their content: one fingerprint, one number."""

from __future__ import annotations

import hashlib
from pathlib import Path

from reactal.chem import Theory
from reactal.errors import ConfigError

__all__ = ["CONTENT", "content_of", "pinned"]

CONTENT = "content"
"""The keyword that has the hash."""
DIGITS = 16


def content_of(path: str | Path) -> str:
    """16 hexadecimal digits over the bytes of a file, or over the names and bytes of the files in a folder."""
    place = Path(path)
    digest = hashlib.sha256()
    if not place.is_dir():
        digest.update(place.read_bytes())
    else:
        for file in sorted(file for file in place.iterdir() if file.is_file()):
            digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:DIGITS]


def pinned(theory: Theory, keyword: str) -> Path:
    """What the theory names with this keyword. `ConfigError` if it is not there, or not as it was when it was named."""
    keywords = dict(theory.keywords)
    name = keywords.get(keyword)
    if not isinstance(name, str) or not name:
        raise ConfigError(f"theory {theory.name} of program {theory.program} needs the keyword {keyword}: a path")
    place = Path(name).expanduser()
    try:
        found = content_of(place)
    except OSError as error:
        raise ConfigError(f"theory {theory.name}: {keyword} {name} cannot be read ({error.strerror})") from error
    wanted = keywords.get(CONTENT)
    if wanted is None:
        raise ConfigError(f"theory {theory.name}: say which content of {name} is meant; now it is {CONTENT}: {found}")
    if wanted != found:
        raise ConfigError(f"theory {theory.name}: {name} has changed: its {CONTENT} is {found}, the theory says {wanted}")
    return place
