"""Names and keywords of a theory held against those that a program knows, with the nearest right one in the error."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping

from reactal.chem import Theory
from reactal.chem.theory import Keyword
from reactal.errors import ConfigError, UnknownTheory

__all__ = [
    "NO_BASIS",
    "NUMBER",
    "POSITIVE",
    "SWITCH",
    "TEXT",
    "WHOLE",
    "Rule",
    "hint",
    "require_keywords",
    "require_name",
    "require_program",
]

NO_BASIS = "none"
"""The basis of a theory whose method is all there is to say."""

Rule = tuple[Callable[[Keyword], bool], str]
"""Whether a value will do, and in words what would."""


def _number(value: Keyword) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


NUMBER: Rule = (_number, "a number")
POSITIVE: Rule = (lambda value: _number(value) and float(value) > 0, "a number above zero")
WHOLE: Rule = (lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0, "a whole number above zero")
SWITCH: Rule = (lambda value: isinstance(value, bool), "true or false")
TEXT: Rule = (lambda value: isinstance(value, str) and bool(value.strip()), "a name")


def hint(name: str, known: Collection[str]) -> str:
    """The nearest of the known names, or all of them."""
    near = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(known) or 'none'}"


def require_program(theory: Theory, program: str) -> None:
    """`ConfigError` where the theory is another program's."""
    if theory.program != program:
        raise ConfigError(f"theory {theory.name} is of program {theory.program!r}, not of {program}")


def require_name(theory: Theory, known: Collection[str], *, basis: str = NO_BASIS) -> None:
    """`UnknownTheory` where the method is none of these, or the basis not the only one there is."""
    if theory.method in known and theory.basis == basis:
        return
    near = difflib.get_close_matches(theory.method, list(known), n=1, cutoff=0.5)
    names = ", ".join(f"{method}/{basis}" for method in near or known)
    word = f"did you mean {names}?" if near else f"known are {names}"
    raise UnknownTheory(f"theory {theory.name} is unknown to program {theory.program}; {word}")


def require_keywords(theory: Theory, rules: Mapping[str, Rule]) -> None:
    """`ConfigError` for a keyword that is none of these, or whose value will not do."""
    for name, value in theory.keywords:
        if name not in rules:
            raise ConfigError(
                f"theory {theory.name} of program {theory.program} has no keyword {name!r}; {hint(name, sorted(rules))}"
            )
        accepts, wanted = rules[name]
        if not accepts(value):
            raise ConfigError(f"keyword {name} of theory {theory.name} is {value!r}; it must be {wanted}")
