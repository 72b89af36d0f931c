"""What decides a label's number, and nothing else: program, method, basis, keywords."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, final

from reactal.errors import ConfigError

__all__ = ["Theory"]

_NAME = re.compile(r"^[A-Za-z0-9*+(),._-]+$")  # method and basis names as programs spell them
Keyword = str | int | float | bool


@final
@dataclass(frozen=True)
class Theory:
    """A level of theory. Cores, memory, time limits and retries are resources and never part of it."""

    program: str
    method: str
    basis: str
    keywords: tuple[tuple[str, Keyword], ...] = ()

    def __post_init__(self) -> None:
        for what, name in (("method", self.method), ("basis", self.basis)):
            if not _NAME.match(name):
                raise ConfigError(f"{what} {name!r} is no name of a {what}; write for example hf/6-31g*")
        object.__setattr__(self, "program", self.program.lower())
        object.__setattr__(self, "method", self.method.lower())
        object.__setattr__(self, "basis", self.basis.lower())
        object.__setattr__(self, "keywords", tuple(sorted((k.lower(), v) for k, v in self.keywords)))

    @classmethod
    def parse(cls, text: str, *, program: str = "psi4", keywords: Mapping[str, Keyword] | None = None) -> Theory:
        """From `method/basis`, as in `hf/6-31g*`."""
        method, slash, basis = text.strip().partition("/")
        if not (slash and method and basis):
            raise ConfigError(f"theory {text!r} is not of the form method/basis, for example hf/6-31g*")
        return cls(program, method, basis, tuple((keywords or {}).items()))

    def with_keywords(self, **changes: Keyword) -> Theory:
        """The same theory with some keywords set otherwise; another fingerprint."""
        return replace(self, keywords=tuple({**dict(self.keywords), **changes}.items()))

    @cached_property
    def fingerprint(self) -> str:
        """24 hexadecimal digits over everything above."""
        text = json.dumps(["theory-1", self.as_json()], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    @property
    def name(self) -> str:
        return f"{self.method}/{self.basis}"

    def as_json(self) -> dict[str, Any]:
        return {"program": self.program, "method": self.method, "basis": self.basis, "keywords": dict(self.keywords)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Theory:
        return cls(data["program"], data["method"], data["basis"], tuple(data["keywords"].items()))
