"""The peer of the labelling benchmark: a bare loop over `psi4.gradient`, run by Psi4's own interpreter.

Reads one JSON object from standard input (theory, threads, and batches of structures) and writes the seconds of each
batch, without import and warm-up. Knows nothing of reactal.
"""

import json
import sys
import time

import psi4


def main() -> None:
    work = json.load(sys.stdin)
    psi4.core.set_output_file("peer.log", False)
    psi4.set_num_threads(work["threads"])
    psi4.set_memory("1000 MiB")
    psi4.set_options({"basis": work["basis"], **work["keywords"]})
    label(work["batches"][0][0], work)
    seconds = []
    for batch in work["batches"]:
        began = time.perf_counter()
        for structure in batch:
            label(structure, work)
            psi4.core.clean()
        seconds.append(time.perf_counter() - began)
    print("\n" + json.dumps(seconds))


def label(structure: dict, work: dict) -> float:
    atoms = enumerate(structure["positions"])
    places = [f"{structure['symbols'][index]} {x} {y} {z}" for index, (x, y, z) in atoms]
    lines = [f"{structure['charge']} {structure['multiplicity']}", *places, "symmetry c1", "no_com", "no_reorient"]
    molecule = psi4.geometry("\n".join(lines))
    psi4.gradient(work["method"], molecule=molecule)
    return psi4.core.variable("CURRENT ENERGY")


main()
