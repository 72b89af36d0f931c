"""Energies and gradients, by whatever way of the request's ladder the SCF converges."""

from __future__ import annotations

import hashlib
import os
import time
from typing import Any, Dict, List, Optional, Sequence

from .failures import UNSTABLE, Failed, explained
from .learned import LearnedGuesses, Near
from .neighbours import SAME
from .peak_memory import PeakMemory
from .scratch_files import OUTPUT, PRINTED, clean, note_execution, tail, text
from .units import BOHR, DEBYE

Json = Dict[str, Any]

JITTER = 1e-6  # angstrom
NEXT_RUNG = ("scf_not_converged", "wrong_state")  # failures that another way to the solution may avoid
FOLLOW = {"stability_analysis": "follow", "max_attempts": 3}
ROTATIONS = 4  # Psi4's stability analysis dies of a segmentation fault where orbitals have fewer, or no beta electron is


def gradient(psi4: Any, request: Json, neighbours: LearnedGuesses) -> Json:
    """Energy and gradient: from the orbitals of geometries nearby, where that is wanted and there are any, else from the ladder.

    Orbitals nearby only save time, so what they lead to is compared with the ladder's answer: at once where the energy is
    higher than the neighbour's gradient explains, when there is time for it (`owed`) for one in so many. The lower state counts.
    """
    attempts: List[Json] = []
    if request.get("forget"):
        neighbours.forget_all()
    near = neighbours.near(request) if request.get("reuse_guess") else []
    result = _continued(psi4, request, near, attempts) if near else None
    owed = result is not None and neighbours.is_sample()
    if result is None or near[0].is_suspicious(request, result):
        owed = False
        fresh = _climbed(psi4, request, attempts)
        if result is None and not fresh["ok"]:
            return fresh
        if result is None or (fresh["ok"] and fresh["result"]["energy"] < result["energy"] - SAME):
            neighbours.forget(near if result else [])  # they are of the state above, or may be
            result = fresh["result"]
    wavefunction = result.pop("wavefunction")
    if request.get("reuse_guess") and wavefunction.nbeta():
        neighbours.keep(request, result, wavefunction)
    return {"ok": True, "result": result, "attempts": attempts, "owed": owed}


def _continued(psi4: Any, request: Json, near: Sequence[Near], attempts: List[Json]) -> Optional[Json]:
    """From the neighbours' orbitals; None where that does not converge."""
    try:
        return _attempt(psi4, request, near[0].rung, {"guess": "read"}, attempts, jitter=0.0, near=near)
    except Failed:
        return None


def _climbed(psi4: Any, request: Json, attempts: List[Json]) -> Json:
    """While the SCF does not converge, each rung of the request's ladder in turn."""
    failure = Failed("invalid_input", "the request has an empty ladder")
    for number, (name, changes) in enumerate(request["ladder"]):
        known = {option: value for option, value in changes.items() if _has_option(psi4, option)}
        try:
            return {"ok": True, "result": _rung(psi4, request, name, known, attempts), "attempts": attempts}
        except Failed as failed:
            if number and failed.kind in ("invalid_input", "crashed"):
                continue  # a way that Psi4 does not have for this method
            if failed.kind not in NEXT_RUNG or failure.kind != "wrong_state":
                failure = failed
            if failed.kind not in NEXT_RUNG:
                break
    return {"ok": False, "kind": failure.kind, "message": str(failure), "attempts": attempts}


def _has_option(psi4: Any, option: str) -> bool:
    try:
        psi4.core.get_global_option(option.upper())
    except RuntimeError:
        return False
    return True


def _rung(psi4: Any, request: Json, name: str, changes: Json, attempts: List[Json]) -> Json:
    """With these options; again with the atoms moved a hair where Psi4 stumbles over a symmetry it was told to ignore."""
    try:
        return _attempt(psi4, request, name, changes, attempts, jitter=0.0)
    except Failed as failure:
        if "point group bits" not in str(failure):
            raise
    return _attempt(psi4, request, name, changes, attempts, jitter=JITTER)


def _attempt(
    psi4: Any,
    request: Json,
    name: str,
    changes: Json,
    attempts: List[Json],
    *,
    jitter: float,
    near: Sequence[Near] = (),
) -> Json:
    """One calculation, added to the attempts whatever becomes of it."""
    began, peak = time.perf_counter(), PeakMemory()
    outcome, log_tail = "ok", ""
    note_execution(request["key"])
    try:
        return computed(psi4, request, changes, jitter, near)
    except Exception as error:
        failure = _stranded(error) or explained(error)
        outcome, log_tail = failure.kind, tail(OUTPUT)
        raise failure from error
    finally:
        settings = {"rung": name, **{option: str(value) for option, value in changes.items()}}
        if jitter:
            settings["jitter_angstrom"] = f"{jitter:g}"
        if near:
            settings["rmsd_angstrom"] = f"{near[0].distance(request):.4f}"
        seconds = time.perf_counter() - began
        attempt = {"settings": settings, "outcome": outcome, "seconds": seconds, "log_tail": log_tail, "memory_mib": peak.mib()}
        attempts.append(attempt)
        clean(psi4)


def computed(psi4: Any, request: Json, changes: Json, jitter: float, near: Sequence[Near] = ()) -> Json:
    import numpy as np

    psi4.core.set_output_file(str(OUTPUT), False)
    os.truncate(PRINTED, 0)
    positions = np.array(request["positions"], dtype=float)
    moved = positions + jitter * _directions(positions)
    molecule = molecule_of(psi4, request["symbols"], moved, request["charge"], request["multiplicity"])
    reference = _set_options(psi4, request, changes)
    if near:
        near[0].write(psi4, _orbitals(psi4, molecule), near)
    _follow_instabilities(psi4, request, molecule, reference)
    slope, wavefunction = _slope(psi4, request["method"], molecule)
    energy = float(psi4.core.variable("CURRENT ENERGY"))
    energy += float((slope * (positions - moved)).sum()) / BOHR  # back to where the atoms are, to first order
    if "still a negative eigenvalue" in text(OUTPUT):
        raise Failed("wrong_state", UNSTABLE)
    if not (np.isfinite(energy) and np.isfinite(slope).all()):
        raise Failed("unreadable_output", "Psi4 gave an energy or gradient that is not finite")
    return {
        "energy": energy,
        "gradient": slope.tolist(),
        "dipole": _dipole(psi4),
        "s_squared": _s_squared(wavefunction) if reference in ("uhf", "uks") else None,
        "scf_iterations": _iterations(psi4),
        "reference": reference,
        "wavefunction": wavefunction,
    }


def _slope(psi4: Any, method: str, molecule: Any) -> Any:
    """The gradient in hartree/bohr and the wavefunction; Psi4's variables are then those of `molecule`.

    Where no electron has beta spin, Psi4 1.3 dies of a segmentation fault in the gradients of density fitting. An atom has
    none, and the few others (H2+, triplet H2) are small enough for differences of energies.
    """
    import numpy as np

    alone = molecule.natom() == 1
    if not alone and (molecule.multiplicity() == 1 or _orbitals(psi4, molecule).nbeta()):
        matrix, wavefunction = psi4.gradient(method, molecule=molecule, return_wfn=True)
        return np.array(matrix), wavefunction
    slope = np.zeros((1, 3)) if alone else np.array(psi4.gradient(method, molecule=molecule, dertype="energy"))
    _, wavefunction = psi4.energy(method, molecule=molecule, return_wfn=True)
    return slope, wavefunction


def _orbitals(psi4: Any, molecule: Any) -> Any:
    """Numbers of electrons and functions, before anything is computed."""
    return psi4.core.Wavefunction.build(molecule, psi4.core.get_global_option("BASIS"))


def _directions(positions: Any) -> Any:
    """Numbers in [-1, 1] that follow from the positions, so that a label can be computed again."""
    import numpy as np

    seed = int.from_bytes(hashlib.sha256(np.round(positions, 6).tobytes()).digest()[:4], "big")
    return np.random.RandomState(seed).uniform(-1.0, 1.0, positions.shape)


def molecule_of(psi4: Any, symbols: List[str], positions: Any, charge: int, multiplicity: Optional[int]) -> Any:
    return psi4.core.Molecule.from_arrays(
        geom=positions,
        elem=symbols,
        units="Angstrom",
        fix_com=True,
        fix_orientation=True,
        fix_symmetry="c1",
        molecular_charge=charge,
        molecular_multiplicity=multiplicity,
    )


def _set_options(psi4: Any, request: Json, changes: Json) -> str:
    """All options, from nothing; returns the reference that was chosen."""
    options = {**request["keywords"], **changes, "basis": request["basis"], "fail_on_maxiter": True}
    if "reference" not in options:
        family = "ks" if _is_density_functional(request["method"]) else "hf"
        options["reference"] = ("r" if request["multiplicity"] == 1 else "u") + family
    psi4.core.clean_options()
    psi4.set_options(options)
    return str(options["reference"]).lower()


def _follow_instabilities(psi4: Any, request: Json, molecule: Any, reference: str) -> None:
    """Have the SCF leave an unstable state for the one below: for open shells at Hartree-Fock, unless the theory forbids it.

    Density functionals have no stability analysis in Psi4.
    """
    wanted = request["keywords"].get("stability_analysis", "follow" if request["multiplicity"] > 1 else "none")
    if wanted != "follow" or reference != "uhf":
        return
    orbitals = _orbitals(psi4, molecule)
    functions, up, down = orbitals.basisset().nbf(), orbitals.nalpha(), orbitals.nbeta()
    enough = down > 0 and up * (functions - up) + down * (functions - down) >= ROTATIONS
    psi4.set_options(FOLLOW if enough else {"stability_analysis": "none"})


def _stranded(error: Exception) -> Optional[Failed]:
    """The failure of an SCF that had found a state, left it because there is a lower one, and did not get there."""
    if type(error).__name__ == "SCFConvergenceError" and "Running SCF again with the rotated orbitals" in text(OUTPUT):
        return Failed("wrong_state", UNSTABLE)
    return None


def _is_density_functional(method: str) -> bool:
    from psi4.driver.procrouting import dft

    if method not in dft.functionals:
        return False
    return bool(dft.build_superfunctional(method, True)[0].needs_xc())


def _dipole(psi4: Any) -> Optional[List[float]]:
    """e*bohr, of the SCF; None where Psi4 does not compute it along the way."""
    has, value = psi4.core.has_variable, psi4.core.variable
    if has("SCF DIPOLE"):
        return [float(component) for component in value("SCF DIPOLE")]
    if has("SCF DIPOLE X"):  # before 1.4, in debye
        return [float(value("SCF DIPOLE " + axis)) * DEBYE for axis in "XYZ"]
    return None


def _iterations(psi4: Any) -> Optional[int]:
    return int(psi4.core.variable("SCF ITERATIONS")) if psi4.core.has_variable("SCF ITERATIONS") else None


def _s_squared(wavefunction: Any) -> float:
    """Expectation value of S^2 of an unrestricted determinant (Szabo and Ostlund, equation 2.271)."""
    import numpy as np

    overlap = np.asarray(wavefunction.S())
    alpha = np.asarray(wavefunction.Ca_subset("SO", "OCC"))
    beta = np.asarray(wavefunction.Cb_subset("SO", "OCC"))
    up, down = alpha.shape[1], beta.shape[1]
    spin = 0.5 * (up - down)
    return float(spin * (spin + 1) + down - ((alpha.T @ overlap @ beta) ** 2).sum())
