"""Keywords of a theory: known ones only, with values Psi4 can use, and defaults that can be written out."""

from __future__ import annotations

import pytest

from reactal.chem import Theory
from reactal.errors import ConfigError
from reactal.labeling.psi4_keywords import DEFAULTS, check_keywords


def theory(**keywords: object) -> Theory:
    return Theory.parse("hf/6-31g*", keywords=keywords)  # type: ignore[arg-type]


def test_known_keywords_pass() -> None:
    check_keywords(theory(e_convergence=1e-9, maxiter=200, freeze_core=True, scf_type="pk", df_basis_scf="cc-pvdz-jkfit"))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"e_convergenc": 1e-8}, "did you mean e_convergence"),
        ({"zzzz": 1}, "known are basis_guess"),
        ({"maxiter": 0}, "maxiter .* whole number above zero"),
        ({"maxiter": True}, "whole number"),
        ({"freeze_core": "yes"}, "true or false"),
        ({"e_convergence": 8}, "between 0 and 1"),
        ({"reference": "hf"}, "one of rhf, uhf"),
        ({"df_basis_scf": "x; print(1)"}, "name of a basis"),
        ({"guess_mix": True, "reference": "uhf"}, "guess: gwh"),
        ({"guess_mix": True, "guess": "gwh"}, "reference: uhf"),
    ],
)
def test_what_is_wrong_and_what_would_be_right(keywords: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_keywords(theory(**keywords))


def test_defaults_are_keywords_themselves() -> None:
    check_keywords(theory(**DEFAULTS))
