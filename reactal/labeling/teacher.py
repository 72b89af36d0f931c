"""Labels from a trained potential: a whole campaign, or a benchmark, without a quantum-chemistry program."""

from __future__ import annotations

from pathlib import Path

from reactal.chem import Frames, Structure, Theory
from reactal.labeling.pinned import CONTENT, content_of, pinned
from reactal.labeling.surface import Computed, Surface, SurfaceLabeler, check_by_computing
from reactal.labeling.theory_names import NO_BASIS, TEXT, require_keywords, require_name, require_program

__all__ = ["check_teacher_theory", "teacher_labeler", "teacher_theory"]

MODEL = "model"
METHOD = "committee"


def teacher_theory(model: str | Path) -> Theory:
    """The mean of a committee that reactal saved in this folder, as a theory of program `teacher`."""
    return Theory("teacher", METHOD, NO_BASIS, ((MODEL, str(model)), (CONTENT, content_of(model))))


def teacher_labeler(theory: Theory) -> SurfaceLabeler:
    """A `Labeler` for theories of program `teacher`."""
    require_program(theory, "teacher")
    require_name(theory, (METHOD,))
    require_keywords(theory, {MODEL: TEXT, CONTENT: TEXT})
    return SurfaceLabeler(theory, _surface(pinned(theory, MODEL)), version=f"teacher ({dict(theory.keywords)[CONTENT]})")


def check_teacher_theory(theory: Theory, structure: Structure) -> None:
    """Raises `UnknownTheory` if the model knows nothing of these elements."""
    check_by_computing(teacher_labeler(theory), structure)


def _surface(model: Path) -> Surface:
    from reactal.potentials.export import read_committee

    committee = read_committee(model)

    def surface(structure: Structure) -> Computed:
        answer = committee.predict(Frames.of([structure]))
        return Computed(float(answer.energy[0]), answer.forces)

    return surface
