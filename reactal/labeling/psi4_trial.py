"""Whether a Psi4 that was found works: one question to it, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass

from reactal.errors import LabelerUnavailable
from reactal.labeling.locate import PSI4_VARIABLE, Psi4Install

__all__ = ["Psi4Trial", "try_psi4"]

HYDROGEN_ENERGY = -1.1167
"""RHF/STO-3G energy of H2 at 1.4 bohr, in hartree (Szabo and Ostlund, Modern Quantum Chemistry, section 3.5.2)."""
HYDROGEN_TOLERANCE = 5e-4
"""Hartree; density fitting, Psi4's default, changes the fourth digit at most."""

QUESTION = """
import json
import psi4
psi4.core.be_quiet()
psi4.set_num_threads(1)
psi4.geometry("H 0 0 0\\nH 0 0 1.4\\nunits bohr\\nsymmetry c1")
print("answer=" + json.dumps({"version": psi4.__version__, "energy": psi4.energy("hf/sto-3g")}))
"""


@dataclass(frozen=True)
class Psi4Trial:
    """What Psi4 answered."""

    version: str
    energy: float
    """Of H2, in hartree."""


def try_psi4(install: Psi4Install, *, timeout_s: float = 120.0) -> Psi4Trial:
    """Have Psi4 calculate a hydrogen molecule; `LabelerUnavailable` where no answer, or a wrong one, comes back."""
    lines = _output(install, timeout_s).splitlines()
    answers = [line.removeprefix("answer=") for line in lines if line.startswith("answer=")]
    if not answers:
        raise LabelerUnavailable(f"the psi4 that {install.interpreter} imports gives no energy: {_mend(install)}.")
    trial = Psi4Trial(**json.loads(answers[-1]))
    if abs(trial.energy - HYDROGEN_ENERGY) > HYDROGEN_TOLERANCE:
        raise LabelerUnavailable(
            f"Psi4 {trial.version} gives {trial.energy:.5f} hartree for H2 and {HYDROGEN_ENERGY} is right: {_mend(install)}."
        )
    return trial


def _output(install: Psi4Install, timeout_s: float) -> str:
    command = [str(install.interpreter), "-c", QUESTION]
    environment = {**install.environment(os.environ), "OMP_NUM_THREADS": "1"}
    try:
        with tempfile.TemporaryDirectory(prefix="reactal-psi4-") as folder:  # Psi4 drops files where it stands
            environment["PSI_SCRATCH"] = folder
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=timeout_s, cwd=folder, env=environment, check=True
            )
    except subprocess.CalledProcessError as error:
        cause = (error.stderr.strip().splitlines() or ["no message"])[-1]
        raise LabelerUnavailable(f"psi4 fails under {install.interpreter} ({cause}): {_mend(install)}.") from error
    except subprocess.TimeoutExpired as error:
        raise LabelerUnavailable(f"psi4 under {install.interpreter} did not answer within {timeout_s:.0f} s.") from error
    except OSError as error:
        raise LabelerUnavailable(f"{install.interpreter} cannot be started ({error}): {_mend(install)}.") from error
    return done.stdout


def _mend(install: Psi4Install) -> str:
    return f"repair the Psi4 found by {install.found_by}, or set {PSI4_VARIABLE} to another one's psi4 script"
