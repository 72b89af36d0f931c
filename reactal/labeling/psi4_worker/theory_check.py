"""Is the theory known to this Psi4?"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Dict, List

from .failures import Failed, explained
from .gradients import computed, molecule_of
from .scratch_files import clean

Json = Dict[str, Any]

SPECIMENS = {True: (["H", "F"], 1), False: (["O", "H"], 2)}  # to try a method on a closed and an open shell


def check(psi4: Any, request: Json) -> Json:
    """Whether this Psi4 has the basis for these elements and the method for any: nothing of the molecule is computed."""
    try:
        _check_method(psi4, request["method"])
        _check_basis(psi4, request["basis"], sorted(set(request["symbols"])))
        _try_out(psi4, request)
    except Failed as failure:
        return {"ok": False, "kind": failure.kind, "message": str(failure)}
    finally:
        clean(psi4)
    return {"ok": True}


def _check_method(psi4: Any, method: str) -> None:
    gradients, energies = psi4.driver.procedures["gradient"], psi4.driver.procedures["energy"]
    if method in gradients:
        return
    if method in energies:
        raise Failed("invalid_input", f"Psi4 {psi4.__version__} has no analytic gradients for {method}")
    near = difflib.get_close_matches(method, list(gradients), n=1)
    raise Failed("invalid_input", f"Psi4 {psi4.__version__} knows no method {method}" + _hint(near))


def _check_basis(psi4: Any, basis: str, symbols: List[str]) -> None:
    psi4.core.clean_options()
    missing = [symbol for symbol in symbols if not _has_basis(psi4, basis, symbol)]
    if not missing:
        return
    files = _basis_files(psi4)
    if _basis_file(basis) in files:
        raise Failed("invalid_input", f"the basis {basis} has nothing for {', '.join(missing)}")
    near = difflib.get_close_matches(_basis_file(basis), files, n=1)
    hint = _hint([_basis_name(name) for name in near])
    raise Failed("invalid_input", f"Psi4 {psi4.__version__} knows no basis {basis}" + hint)


def _has_basis(psi4: Any, basis: str, symbol: str) -> bool:
    atom = molecule_of(psi4, [symbol], [[0.0, 0.0, 0.0]], 0, None)
    try:
        psi4.core.BasisSet.build(atom, "BASIS", basis, quiet=True)
    except Exception as error:
        if "BasisSetNotFound" not in type(error).__name__:
            raise explained(error) from error
        return False
    return True


def _basis_file(name: str) -> str:
    """Psi4's name of the file of a basis."""
    name = name.lower()
    for written, filed in (("+", "p"), ("*", "s"), ("(", "_"), (")", "_"), (",", "_")):
        name = name.replace(written, filed)
    return name


def _basis_files(psi4: Any) -> List[str]:
    return sorted(file.stem for file in (Path(psi4.core.get_datadir()) / "basis").glob("*.gbs"))


def _basis_name(file: str) -> str:
    """The usual spelling of Pople's sets; of the others Psi4 accepts the file's name."""
    if not file.startswith(("3-21", "6-31")):
        return file
    stem = file.rstrip("s")
    return stem.replace("pp", "++").replace("p", "+") + "*" * (len(file) - len(stem))


def _try_out(psi4: Any, request: Json) -> None:
    """Run the method on a diatomic in a small basis: what else can be wrong shows, such as a missing dispersion program."""
    symbols, multiplicity = SPECIMENS[request["multiplicity"] == 1]
    trial = {
        "symbols": symbols,
        "positions": [[0.0, 0.0, 0.0], [0.03, 0.05, 0.95]],
        "charge": 0,
        "multiplicity": multiplicity,
        "method": request["method"],
        "basis": "sto-3g",
        "keywords": {name: value for name, value in request["keywords"].items() if "basis" not in name},
    }
    try:
        computed(psi4, trial, {}, 0.0)
    except Exception as error:
        failure = explained(error)
        if failure.kind == "scf_not_converged":  # says nothing about the molecule that is meant
            return
        message = f"Psi4 {psi4.__version__} cannot run {request['method']}: {failure}"
        raise Failed(failure.kind, message) from error


def _hint(near: List[str]) -> str:
    return f"; did you mean {near[0]}?" if near else ""
