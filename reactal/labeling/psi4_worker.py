"""Psi4 behind JSON lines: a program of its own, run by the interpreter that can import psi4.

It uses only the standard library, numpy and psi4 and knows nothing of reactal, so it is one file whatever its length:
`psi4_process` starts it by path. One request a line on standard input, one answer a line on standard output; whatever
Psi4 itself prints goes to files in the scratch folder. Lengths are angstrom in requests, atomic units in answers.

It ends when its standard input is closed, and at once, in the middle of a calculation, when its parent dies.
"""

from __future__ import annotations

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != _HERE]  # noqa: PTH100 -- there lies our psi4.py

import argparse  # noqa: E402
import difflib  # noqa: E402
import errno  # noqa: E402
import fcntl  # noqa: E402
import hashlib  # noqa: E402
import json  # noqa: E402
import select  # noqa: E402
import signal  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any, Dict, Iterator, List, Optional, Sequence  # noqa: E402 -- the interpreter may be an old one

Json = Dict[str, Any]

EXECUTION_LOG = "REACTAL_LABEL_LOG"  # environment variable: a file that gets one line for each calculation begun
OUTPUT = Path("psi4.log")
PRINTED = Path("stdout.log")  # what Psi4 prints elsewhere than into its output
KEPT = {OUTPUT.name, PRINTED.name, "timer.dat", "owner.lock"}  # in the scratch folder, from label to label
LOG_TAIL = 2000  # characters
JITTER = 1e-6  # angstrom
BOHR = 0.529177210903  # angstrom
DEBYE = 0.393430307  # e*bohr
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NEXT_RUNG = ("scf_not_converged", "wrong_state")  # failures that another way to the solution may avoid
FOLLOW = {"stability_analysis": "follow", "max_attempts": 3}
ROTATIONS = 4  # Psi4's stability analysis dies of a segmentation fault where orbitals have fewer, or no beta electron is
ORBITALS = 180  # Psi4's number of the file in which a guess is looked for
GUESS_FILES = "guess-"
MOLECULE = ("symbols", "charge", "multiplicity", "method", "basis", "keywords")  # what neighbours have in common
NEIGHBOURS = 8  # kept at a time
RIDGE = 1e-6
ALIKE = 0.7  # smallest overlap of the occupied spaces of one state at two geometries nearby
NEARBY = 0.25  # angstrom, of the nearest
REACH = 0.5  # angstrom, of those that it is extrapolated with
SAMPLE = 10  # one in so many is compared with a fresh guess
SAME = 1e-7  # hartree; what two ways to one state may differ by
UNEXPLAINED = 2e-3  # hartree
CUBIC = 0.1  # hartree/bohr^3, of the term that the mean of two gradients leaves out
SPIN_JUMP = 0.1
LITTLE_ROOM = 1 << 17  # bytes free in scratch; Psi4 writes in larger pieces
UNSTABLE = "the SCF found an unstable state, and the lower one that must be there was not reached"
SPECIMENS = {True: (["H", "F"], 1), False: (["O", "H"], 2)}  # to try a method on a closed and an open shell


class Failed(Exception):
    """An answer without numbers: `kind` is one of reactal's failure kinds."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Channel:
    """JSON lines on what standard input and output were at the start; Psi4 gets files in the place of the latter."""

    def __init__(self) -> None:
        self._input = os.fdopen(os.dup(0), "r", encoding="utf-8")
        self._output = os.fdopen(os.dup(1), "w", encoding="utf-8")
        log = os.open(str(PRINTED), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)

    def requests(self) -> Iterator[Json]:
        """Until the other side closes our standard input."""
        return (json.loads(line) for line in self._input)

    def send(self, answer: Json) -> None:
        self._output.write(json.dumps(answer) + "\n")
        self._output.flush()


def main() -> None:
    options = _options()
    os.chdir(options.scratch)  # Psi4 drops files where it stands
    if options.lifeline is not None:
        _die_with_parent(options.lifeline)
    channel = Channel()
    try:
        psi4 = _psi4(options)
    except Exception as error:
        channel.send({"error": f"cannot import psi4 ({type(error).__name__}: {error})"})
        return
    channel.send({"version": psi4.__version__, "pid": os.getpid()})
    neighbours = Neighbours()
    tasks = {"gradient": lambda request: gradient(psi4, request, neighbours), "check": lambda request: check(psi4, request)}
    for request in channel.requests():
        channel.send({"id": request["id"], **tasks[request["task"]](request)})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--lifeline", type=int)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--memory-mib", type=int, default=1000)
    return parser.parse_args()


def _die_with_parent(lifeline: int) -> None:
    """End this process as soon as the other end of a pipe that carries nothing is closed, whatever it is doing.

    The kernel then sends SIGIO, whose default is to end the process. It needs no Python to run, which Psi4's C++ may
    hold up for minutes, and unlike PR_SET_PDEATHSIG it does not fire when a mere thread of the parent ends.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    closed = select.poll()
    closed.register(lifeline, 0)
    if closed.poll(0):  # before the lines above took effect
        sys.exit(1)


def _psi4(options: argparse.Namespace) -> Any:
    os.environ["PSI_SCRATCH"] = options.scratch
    import psi4

    psi4.core.set_output_file(str(OUTPUT), False)
    psi4.core.IOManager.shared_object().set_default_path(options.scratch + "/")
    psi4.set_num_threads(options.threads)
    psi4.set_memory(f"{options.memory_mib} MiB")
    return psi4


# -- energies and gradients ----------------------------------------------------------------------------------------------


def gradient(psi4: Any, request: Json, neighbours: Neighbours) -> Json:
    """Energy and gradient: from the orbitals of geometries nearby, where that is wanted and there are any, else from the ladder.

    Orbitals nearby only save time, so what they lead to is compared with the ladder's answer now and then, and where the
    energy is higher than the neighbour's gradient explains: the lower state counts.
    """
    attempts: List[Json] = []
    near = neighbours.near(request) if request.get("reuse_guess") else []
    result = _continued(psi4, request, near, attempts) if near else None
    if result is None or neighbours.is_sample() or near[0].is_suspicious(request, result):
        fresh = _climbed(psi4, request, attempts)
        if result is None and not fresh["ok"]:
            return fresh
        if result is None or (fresh["ok"] and fresh["result"]["energy"] < result["energy"] - SAME):
            neighbours.forget(near if result else [])  # they are of the state above, or may be
            result = fresh["result"]
    wavefunction = result.pop("wavefunction")
    if request.get("reuse_guess") and wavefunction.nbeta():
        neighbours.keep(Neighbour(request, result, wavefunction))
    return {"ok": True, "result": result, "attempts": attempts}


def _continued(psi4: Any, request: Json, near: List[Neighbour], attempts: List[Json]) -> Optional[Json]:
    """From the neighbours' orbitals; None where that does not converge."""
    try:
        return _attempt(psi4, request, "nearby_guess", {"guess": "read"}, attempts, jitter=0.0, near=near)
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
    near: Sequence[Neighbour] = (),
) -> Json:
    """One calculation, added to the attempts whatever becomes of it."""
    began = time.perf_counter()
    outcome, tail = "ok", ""
    _note_execution(request["key"])
    try:
        return _computed(psi4, request, changes, jitter, near)
    except Exception as error:
        failure = _stranded(error) or _explained(error)
        outcome, tail = failure.kind, _tail(OUTPUT)
        raise failure from error
    finally:
        settings = {"rung": name, **{option: str(value) for option, value in changes.items()}}
        if jitter:
            settings["jitter_angstrom"] = f"{jitter:g}"
        if near:
            settings["rmsd_angstrom"] = f"{near[0].distance(request):.4f}"
        seconds = time.perf_counter() - began
        attempts.append({"settings": settings, "outcome": outcome, "seconds": seconds, "log_tail": tail})
        _clean(psi4)


def _computed(psi4: Any, request: Json, changes: Json, jitter: float, near: Sequence[Neighbour] = ()) -> Json:
    import numpy as np

    psi4.core.set_output_file(str(OUTPUT), False)
    os.truncate(PRINTED, 0)
    positions = np.array(request["positions"], dtype=float)
    moved = positions + jitter * _directions(positions)
    molecule = _molecule(psi4, request["symbols"], moved, request["charge"], request["multiplicity"])
    reference = _set_options(psi4, request, changes)
    if near:
        _write_guess(psi4, _orbitals(psi4, molecule), near)
    _follow_instabilities(psi4, request, molecule, reference)
    slope, wavefunction = _slope(psi4, request["method"], molecule)
    energy = float(psi4.core.variable("CURRENT ENERGY"))
    energy += float((slope * (positions - moved)).sum()) / BOHR  # back to where the atoms are, to first order
    if "still a negative eigenvalue" in _text(OUTPUT):
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


def _molecule(psi4: Any, symbols: List[str], positions: Any, charge: int, multiplicity: Optional[int]) -> Any:
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
    if type(error).__name__ == "SCFConvergenceError" and "Running SCF again with the rotated orbitals" in _text(OUTPUT):
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


# -- orbitals of geometries nearby -----------------------------------------------------------------------------------------


class Neighbour:
    """A finished geometry, its result, and its occupied orbitals in the orthonormal basis of Loewdin."""

    count = 0

    def __init__(self, request: Json, result: Json, wavefunction: Any) -> None:
        import numpy as np

        Neighbour.count += 1
        self.molecule = [request[name] for name in MOLECULE]
        self.positions = np.array(request["positions"])
        self.result = result
        self.overlap = np.array(wavefunction.S())
        root = _power(self.overlap, 0.5)
        self.planes = [root @ np.asarray(c("SO", "OCC")) for c in (wavefunction.Ca_subset, wavefunction.Cb_subset)]
        self.file = Path(f"{GUESS_FILES}{Neighbour.count}.npy")
        wavefunction.to_file(str(self.file.with_suffix("")))

    def distance(self, request: Json) -> float:
        """Root mean square over the atoms, as they stand: orbitals do not turn with a molecule that has turned."""
        import numpy as np

        return float(np.sqrt(((np.array(request["positions"]) - self.positions) ** 2).sum(axis=1).mean()))

    def is_suspicious(self, request: Json, result: Json) -> bool:
        """Whether the result seems to be of a state other than this one's."""
        import numpy as np

        return is_another_state((np.array(request["positions"]) - self.positions) / BOHR, self.result, result)


def is_another_state(step: Any, before: Json, after: Json) -> bool:
    """Whether the energy after a step (bohr) is higher than the two gradients say, or the spin has jumped."""
    import numpy as np

    explained = 0.5 * float(((np.array(before["gradient"]) + after["gradient"]) * step).sum())
    allowed = UNEXPLAINED + CUBIC * float((step**2).sum()) ** 1.5
    spins = [result["s_squared"] or 0.0 for result in (before, after)]
    return bool(after["energy"] - before["energy"] > explained + allowed or abs(spins[0] - spins[1]) > SPIN_JUMP)


class Neighbours:
    """The latest finished geometries of this process."""

    def __init__(self) -> None:
        self._kept: List[Neighbour] = []
        self._used = 0

    def near(self, request: Json) -> List[Neighbour]:
        """Those of the same molecule within reach, the nearest first; none where that is not near."""
        same = [one for one in self._kept if one.molecule == [request[name] for name in MOLECULE]]
        near = sorted((one for one in same if one.distance(request) <= REACH), key=lambda one: one.distance(request))
        return near if near and near[0].distance(request) <= NEARBY else []

    def is_sample(self) -> bool:
        """Whether this use is one of those that are compared with a fresh guess."""
        self._used += 1
        return self._used % SAMPLE == 0

    def keep(self, new: Neighbour) -> None:
        self._kept.append(new)
        self.forget(self._kept[:-NEIGHBOURS])

    def forget(self, some: Sequence[Neighbour]) -> None:
        for one in some:
            one.file.unlink()
        self._kept = [one for one in self._kept if one not in some]


def _write_guess(psi4: Any, orbitals: Any, near: Sequence[Neighbour]) -> None:
    """Where Psi4 looks for a guess: the occupied orbitals extrapolated from those of the neighbours.

    Grassmann extrapolation (Polack, Dusson, Stamm, Lipparini, J. Chem. Theory Comput. 17, 6965, 2021): the occupied spaces,
    in the orthonormal basis of Loewdin, are combined in the plane that touches their manifold at the nearest one, with the
    coefficients that fit this geometry's overlap matrix with theirs.
    """
    import numpy as np

    overlap = np.asarray(psi4.core.MintsHelper(orbitals.basisset()).ao_overlap())
    others = [one for one in near[1:] if _same_state(near[0], one)]
    coefficients = _fit(overlap - near[0].overlap, [one.overlap - near[0].overlap for one in others])
    inverse = _power(overlap, -0.5)
    wavefunction = psi4.core.Wavefunction.from_file(str(near[0].file))
    for spin, matrix in enumerate((wavefunction.Ca(), wavefunction.Cb())):
        base = near[0].planes[spin]
        tangent = np.zeros_like(base)
        for number, other in enumerate(others):
            tangent += coefficients[number] * _tangent(base, other.planes[spin])
        matrix.np[:, : base.shape[1]] = inverse @ _along(base, tangent)
    wavefunction.to_file(orbitals.get_scratch_filename(ORBITALS))


def _same_state(one: Neighbour, other: Neighbour) -> bool:
    import numpy as np

    return all(np.linalg.svd(one.planes[spin].T @ other.planes[spin], compute_uv=False).min() > ALIKE for spin in (0, 1))


def _fit(wanted: Any, offered: Sequence[Any]) -> Any:
    """Coefficients of the offered matrices that give the wanted one, kept small."""
    import numpy as np

    if not offered:
        return []
    columns = np.stack([matrix.ravel() for matrix in offered], axis=1)
    normal = columns.T @ columns
    return np.linalg.solve(normal + RIDGE * np.trace(normal) * np.eye(len(normal)), columns.T @ wanted.ravel())


def _tangent(base: Any, other: Any) -> Any:
    """The logarithm of a space of orthonormal columns at another on the Grassmann manifold."""
    import numpy as np

    left, sines, right = np.linalg.svd(other @ np.linalg.inv(base.T @ other) - base, full_matrices=False)
    return (left * np.arctan(sines)) @ right


def _along(base: Any, tangent: Any) -> Any:
    """The exponential: where the geodesic from `base` in the direction of `tangent` ends."""
    import numpy as np

    left, angles, right = np.linalg.svd(tangent, full_matrices=False)
    return (base @ right.T * np.cos(angles) + left * np.sin(angles)) @ right


def _power(matrix: Any, exponent: float) -> Any:
    import numpy as np

    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.maximum(values, 1e-10) ** exponent) @ vectors.T


# -- is the theory known? ------------------------------------------------------------------------------------------------


def check(psi4: Any, request: Json) -> Json:
    """Whether this Psi4 has the basis for these elements and the method for any: nothing of the molecule is computed."""
    try:
        _check_method(psi4, request["method"])
        _check_basis(psi4, request["basis"], sorted(set(request["symbols"])))
        _try_out(psi4, request)
    except Failed as failure:
        return {"ok": False, "kind": failure.kind, "message": str(failure)}
    finally:
        _clean(psi4)
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
    atom = _molecule(psi4, [symbol], [[0.0, 0.0, 0.0]], 0, None)
    try:
        psi4.core.BasisSet.build(atom, "BASIS", basis, quiet=True)
    except Exception as error:
        if "BasisSetNotFound" not in type(error).__name__:
            raise _explained(error) from error
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
        _computed(psi4, trial, {}, 0.0)
    except Exception as error:
        failure = _explained(error)
        if failure.kind == "scf_not_converged":  # says nothing about the molecule that is meant
            return
        message = f"Psi4 {psi4.__version__} cannot run {request['method']}: {failure}"
        raise Failed(failure.kind, message) from error


def _hint(near: List[str]) -> str:
    return f"; did you mean {near[0]}?" if near else ""


# -- what goes around a calculation ----------------------------------------------------------------------------------------


def _explained(error: Exception) -> Failed:
    """Which kind of failure an exception of Psi4 is, in one line."""
    if isinstance(error, Failed):
        return error
    name, text = type(error).__name__, " ".join(str(error).split())
    message = f"{name}: {text.split(' The most recent ')[0][:300]}"  # what follows are C++ names
    if name == "SCFConvergenceError" or "not converge" in text.lower():
        return Failed("scf_not_converged", message)
    if _is_scratch_full(error):
        return Failed("scratch_full", f"no room was left in the scratch folder; set `scratch` to a larger place ({message})")
    if isinstance(error, MemoryError) or "bad_alloc" in text or "not enough memory" in text.lower():
        return Failed("out_of_memory", message)
    if name in ("ValidationError", "MissingMethodError", "BasisSetNotFound", "ManagedMethodError", "MoleculeFormatError"):
        return Failed("invalid_input", message)
    return Failed("crashed", message)


def _is_scratch_full(error: Exception) -> bool:
    """Psi4's own words for it are a "PSIO Error" and many others, and the true cause goes to standard error, if there is room."""
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return True
    disk = os.statvfs(".")
    if isinstance(error, RuntimeError) and disk.f_bavail * disk.f_frsize < LITTLE_ROOM:
        return True
    return "error writing to file" in _tail(PRINTED)


def _clean(psi4: Any) -> None:
    """Nothing of a calculation stays: neither files nor options nor results."""
    psi4.core.clean()
    psi4.core.clean_options()
    psi4.core.clean_variables()
    for file in Path().iterdir():  # Psi4 1.3 leaves its orbitals
        if file.name not in KEPT and not file.name.startswith(GUESS_FILES) and file.is_file():
            file.unlink()


def _text(log: Path) -> str:
    try:
        return log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _tail(log: Path) -> str:
    return _text(log)[-LOG_TAIL:]


def _note_execution(key: str) -> None:
    """As `execution_log.note_execution`: one line, whole even when several processes write."""
    path = os.environ.get(EXECUTION_LOG)
    if not path:
        return
    line = json.dumps({"key": key, "pid": os.getpid(), "at": time.time()}) + "\n"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main()
