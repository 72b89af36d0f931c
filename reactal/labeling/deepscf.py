"""Labels from a learned electron density, in one step; from the full SCF where the density's guard does not trust it.

A label says which it was: the settings of its attempt have `route` and, of one step, `bound_mha`, to which its energy should be
right; one that took the SCF has the flag `deepscf_fallback`. Runs in a child (`apart`).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from reactal.chem import FailureKind, Structure, Theory
from reactal.chem.theory import Keyword
from reactal.errors import ConfigError, InputError, LabelerUnavailable, UnknownElement, UnknownTheory
from reactal.labeling.base import LabelingResources
from reactal.labeling.pinned import CONTENT, content_of, pinned
from reactal.labeling.surface import Computed, NoLabel, Surface, SurfaceLabeler
from reactal.labeling.theory_names import POSITIVE, TEXT, Rule, require_keywords, require_program

if TYPE_CHECKING:
    from reactal.density.answer import DensityAnswer
    from reactal.density.model import DensityModel

__all__ = ["FALLBACK", "check_deepscf_theory", "deepscf_labeler", "deepscf_theory", "require_deepscf_names"]

MODEL = "model"
FALLBACK = "deepscf_fallback"
"""The flag of a label that the full SCF gave."""
OTHERWISE: Rule = (lambda value: value in ("scf", "fail"), "scf or fail")
KEYWORDS: Mapping[str, Rule] = {MODEL: TEXT, CONTENT: TEXT, "limit_mha": POSITIVE, "otherwise": OTHERWISE}
DEFAULTS: Mapping[str, Keyword] = {"limit_mha": 5.0, "otherwise": "scf"}
"""The largest error of the energy that is let pass, and what is done beyond it. Stored labels rest on them: they never change."""


def deepscf_theory(model: str | Path, *, limit_mha: float | None = None, otherwise: str | None = None) -> Theory:
    """The density model in this folder as a theory of program `deepscf`."""
    from reactal.density.model import DensityModel

    at = DensityModel.read(Path(model)).theory
    asked = {"limit_mha": limit_mha, "otherwise": otherwise}
    keywords = {name: value for name, value in asked.items() if value is not None}
    return Theory("deepscf", at.functional, at.basis, ((MODEL, str(model)), (CONTENT, content_of(model)), *keywords.items()))


def require_deepscf_names(theory: Theory) -> None:
    """What can be said without the model. `ConfigError`."""
    require_program(theory, "deepscf")
    require_keywords(theory, KEYWORDS)


def deepscf_labeler(theory: Theory, resources: LabelingResources) -> SurfaceLabeler:
    """A `Labeler` for theories of program `deepscf`: pbe/gth-dzvp with the keywords model and content."""
    require_deepscf_names(theory)
    folder = pinned(theory, MODEL)
    if find_spec("pyscf") is None:
        raise LabelerUnavailable(f"theory {theory.name} of program deepscf needs PySCF: pip install pyscf")
    from pyscf import __version__, lib

    from reactal.density.model import DensityModel
    from reactal.potentials.threads import torch_threads

    with torch_threads(resources.threads):
        model = DensityModel.read(folder)
    lib.num_threads(resources.threads)
    known = (model.theory.functional.lower(), model.theory.basis.lower())
    if (theory.method, theory.basis) != known:
        raise ConfigError(f"theory {theory.name}: the density model in {folder} is of {'/'.join(known)}; write that")
    version = f"deepscf ({dict(theory.keywords)[CONTENT]}, pyscf {__version__})"
    return SurfaceLabeler(theory, _surface(theory, model, resources), version=version)


def check_deepscf_theory(theory: Theory, structure: Structure, resources: LabelingResources) -> None:
    """Raises `UnknownTheory` if neither the model nor the SCF behind it can take this structure."""
    deepscf_labeler(theory, resources)
    from reactal.density.model import DensityModel
    from reactal.density.molecules import molecule

    try:
        molecule(structure, DensityModel.read(pinned(theory, MODEL)).theory)
    except (InputError, UnknownElement) as error:
        raise UnknownTheory(f"theory {theory.name} of program deepscf does not work for {structure.formula}: {error}") from error


def _surface(theory: Theory, model: DensityModel, resources: LabelingResources) -> Surface:
    from reactal.density.answer import answer
    from reactal.density.reference import NotConverged
    from reactal.density.room import NotEnoughMemory

    limit = float(_keyword(theory, "limit_mha"))

    def surface(structure: Structure) -> Computed:
        try:
            found = answer(
                model,
                structure,
                forces=True,
                limit_mha=limit,
                memory_mib=resources.memory_mib,
                otherwise_scf=_keyword(theory, "otherwise") == "scf",
            )
        except NotConverged as error:
            raise NoLabel(FailureKind.SCF_NOT_CONVERGED, str(error)) from error
        except NotEnoughMemory as error:
            raise NoLabel(FailureKind.OUT_OF_MEMORY, str(error)) from error
        except InputError as error:
            raise NoLabel(FailureKind.INVALID_INPUT, str(error)) from error
        return _computed(found)

    return surface


def _computed(found: DensityAnswer) -> Computed:
    if found.forces is None:
        raise NoLabel(FailureKind.UNREADABLE_OUTPUT, "the calculation gave no forces")
    bound = () if found.bound_mha is None else (("bound_mha", f"{found.bound_mha:.3f}"),)
    because = () if found.because is None else (("because", found.because),)
    return Computed(
        energy=found.energy,
        forces=found.forces,
        dipole=found.dipole,
        scf_iterations=found.iterations,
        flags=() if found.route == "one-shot" else (FALLBACK,),
        settings=(("route", found.route), *bound, *because),
    )


def _keyword(theory: Theory, name: str) -> Keyword:
    return dict(theory.keywords).get(name, DEFAULTS[name])
