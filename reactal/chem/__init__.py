"""What the chemistry is made of: structures, theories, labels, and frames of many."""

from reactal.chem.frames import Frames
from reactal.chem.label import Attempt, FailureKind, Label, LabelFailure
from reactal.chem.structure import Structure
from reactal.chem.theory import Theory

__all__ = ["Attempt", "FailureKind", "Frames", "Label", "LabelFailure", "Structure", "Theory"]
