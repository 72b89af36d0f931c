"""The keywords of a theory that Psi4 is given, each with what it may be."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable

from reactal.chem import Theory
from reactal.chem.theory import Keyword
from reactal.errors import ConfigError

__all__ = ["DEFAULTS", "check_keywords"]

DEFAULTS: dict[str, Keyword] = {"d_convergence": 1e-8, "e_convergence": 1e-8, "scf_type": "df"}
"""What Psi4 is told where the theory says nothing. Forces are then free of noise to some 1e-6 eV/angstrom; Psi4's own
1e-6 for both is not. Stored labels rest on these numbers: they never change, a new default needs a new name."""

_NAME = re.compile(r"^[A-Za-z0-9*+(),._-]+$")


def _switch(value: Keyword) -> bool:
    return isinstance(value, bool)


def _count(value: Keyword) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _small(value: Keyword) -> bool:
    return isinstance(value, float) and 0 < value < 1


def _name(value: Keyword) -> bool:
    return isinstance(value, str) and bool(_NAME.match(value))


def _one_of(*choices: str) -> tuple[Callable[[Keyword], bool], str]:
    return lambda value: isinstance(value, str) and value.lower() in choices, "one of " + ", ".join(choices)


_SWITCH = (_switch, "true or false")
_COUNT = (_count, "a whole number above zero")
_SMALL = (_small, "a number between 0 and 1, such as 1.0e-8")
_BASIS = (_name, "the name of a basis")
_DENSITY_FITTED = _one_of("df", "conv", "cd")

KEYWORDS: dict[str, tuple[Callable[[Keyword], bool], str]] = {
    "basis_guess": _BASIS,
    "cc_type": _DENSITY_FITTED,
    "d_convergence": _SMALL,
    "df_basis_mp2": _BASIS,
    "df_basis_scf": _BASIS,
    "dft_pruning_scheme": (_name, "the name of a pruning scheme"),
    "dft_radial_points": _COUNT,
    "dft_spherical_points": _COUNT,
    "e_convergence": _SMALL,
    "freeze_core": _SWITCH,
    "guess": _one_of("auto", "core", "gwh", "sad", "sap", "huckel"),
    "guess_mix": _SWITCH,
    "ints_tolerance": _SMALL,
    "maxiter": _COUNT,
    "mp2_type": _DENSITY_FITTED,
    "mp_type": _DENSITY_FITTED,
    "puream": _SWITCH,
    "reference": _one_of("rhf", "uhf", "rohf", "rks", "uks"),
    "s_tolerance": _SMALL,
    "scf_type": _one_of("df", "disk_df", "mem_df", "direct", "pk", "out_of_core", "cd"),
    "stability_analysis": _one_of("none", "follow"),  # not given: follow for open shells
}


def check_keywords(theory: Theory) -> None:
    """Raises `ConfigError` for a keyword that is unknown or has a value it cannot have."""
    for name, value in theory.keywords:
        if name not in KEYWORDS:
            near = difflib.get_close_matches(name, KEYWORDS, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else "known are " + ", ".join(sorted(KEYWORDS))
            raise ConfigError(f"theory {theory.name} has the unknown keyword {name!r}; {hint}")
        accepts, wanted = KEYWORDS[name]
        if not accepts(value):
            raise ConfigError(f"keyword {name} of theory {theory.name} is {value!r}; it must be {wanted}")
    _check_guess_mix(theory)


def _check_guess_mix(theory: Theory) -> None:
    """Psi4 mixes frontier orbitals only of guesses that have orbitals, and silently does nothing with the default SAD."""
    keywords = dict(theory.keywords)
    if keywords.get("guess_mix") is not True:
        return
    if str(keywords.get("guess", "auto")).lower() not in ("core", "gwh", "huckel"):
        raise ConfigError(f"guess_mix of theory {theory.name} does nothing without a guess of gwh or core; add `guess: gwh`")
    if str(keywords.get("reference", "rhf")).lower() not in ("uhf", "uks"):
        raise ConfigError(f"guess_mix of theory {theory.name} needs an unrestricted reference; add `reference: uhf` or `uks`")
