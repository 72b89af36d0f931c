"""Entries of a library as vectors for a Gaussian process: few, of equal width, and cheap beside what is searched for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.search.library import Library
from reactal.selection.descriptors import histogram

__all__ = ["MOST", "features_of"]

Floats = NDArray[np.float64]
MOST = 8  # principal components of each block; a Gaussian process learns little from many more with few values
BITS, RADIUS = 1024, 2  # of the fingerprints


def features_of(library: Library, *, cheap: bool = True) -> Floats:
    """(n, F), each column with mean 0 and width 1.

    Blocks: columns of numbers as they are; histograms of distances of the structures, and of product less reactant;
    fingerprints of SMILES where RDKit is installed; with `cheap` GFN2-xTB's energy of reaction in eV, which takes milliseconds
    and goes with the barrier (Bell, Evans and Polanyi). A block that says nothing is left out.
    """
    blocks = [np.column_stack(list(library.columns.values()))] if library.columns else []
    if library.structures is not None:
        blocks += _of_structures(library.structures, library.products, cheap=cheap)
    if library.smiles:
        blocks += _of_smiles(library.smiles)
    standard = [_standard(block) for block in blocks]
    whole = np.concatenate([block for block in standard if block.shape[1]] or [np.zeros((len(library), 0))], axis=1)
    if not whole.shape[1]:
        raise InputError("all entries of the library look alike (constant features); nothing tells which to compute next")
    return whole


def _of_structures(reactants: Frames, products: Frames | None, *, cheap: bool) -> list[Floats]:
    elements = np.unique(reactants.numbers)
    before = histogram(reactants, elements).astype(np.float64)
    if products is None:
        return [_components(before)]
    blocks = [_components(histogram(products, elements) - before), _components(before)]
    energy = _reaction_energy(reactants, products) if cheap else None
    return blocks if energy is None else [*blocks, energy]


def _reaction_energy(reactants: Frames, products: Frames) -> Floats | None:
    """(n, 1) eV; the mean where GFN2-xTB does not converge, None where it is not installed or knows an element not."""
    from reactal.errors import UnknownElement
    from reactal.potentials.xtb import XtbPotential, xtb_is_installed

    if not xtb_is_installed():
        return None
    cheap = XtbPotential("gfn2")
    try:
        energy = cheap.predict(products).energy - cheap.predict(reactants).energy
    except UnknownElement:
        return None
    good = np.isfinite(energy)
    return np.where(good, energy, energy[good].mean())[:, None] if good.any() else None


def _of_smiles(smiles: tuple[str, ...]) -> list[Floats]:
    """Counts of Morgan's neighbourhoods; of a reaction `a>>b` those of b less those of a, and those of a."""
    try:
        from rdkit import RDLogger
        from rdkit.Chem import MolFromSmiles, rdFingerprintGenerator
    except ImportError as error:
        raise InputError("SMILES need RDKit: pip install 'reactal[search]', or give columns of numbers") from error
    RDLogger.DisableLog("rdApp.*")  # type: ignore[attr-defined]
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)

    def counts(text: str) -> Floats:
        molecule = MolFromSmiles(text)
        if molecule is None:
            raise InputError(f"{text!r} is no SMILES that RDKit understands; correct it in the library")
        return np.asarray(generator.GetCountFingerprintAsNumPy(molecule), dtype=np.float64)

    before = np.stack([counts(text.partition(">>")[0]) for text in smiles])
    if not any(">>" in text for text in smiles):
        return [_components(before)]
    after = np.stack([counts(text.partition(">>")[2]) for text in smiles])
    return [_components(after - before), _components(before)]


def _components(block: Floats) -> Floats:
    """The principal components that hold most; columns are damped by the root of their width, so that rare ones do not rule."""
    centred = block - block.mean(axis=0)
    width = centred.std(axis=0)
    centred = centred[:, width > 1e-8] / np.sqrt(width[width > 1e-8])
    if not centred.shape[1]:
        return np.zeros((len(block), 0))
    left, strength, _ = np.linalg.svd(centred, full_matrices=False)
    kept = strength > 1e-6 * strength[0]
    return np.asarray((left * strength)[:, kept][:, :MOST], dtype=np.float64)


def _standard(block: Floats) -> Floats:
    block = np.asarray(block, dtype=np.float64)
    width = block.std(axis=0)
    kept = width > 1e-10
    return np.asarray((block[:, kept] - block[:, kept].mean(axis=0)) / width[kept])
