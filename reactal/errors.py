"""Errors named for their condition. Each message says what is wrong, where, and what would be right."""

from __future__ import annotations

__all__ = [
    "AtomsTooClose",
    "ConditionalWritesUnsupported",
    "ConfigError",
    "CredentialsRejected",
    "DamagedObject",
    "DamagedPotential",
    "DeviceUnavailable",
    "DriverConflict",
    "ImpossibleMultiplicity",
    "InputError",
    "LabelerUnavailable",
    "MismatchedEnds",
    "NonFinite",
    "ObjectNotFound",
    "OutOfDeviceMemory",
    "ReactalError",
    "SchedulerLost",
    "ScienceChanged",
    "StoreError",
    "StoreUnavailable",
    "StructureError",
    "TooFewLabels",
    "TrackerUnavailable",
    "TrainingDiverged",
    "TrainingInterrupted",
    "UnknownElement",
    "UnknownState",
    "UnknownTheory",
    "UnusablePotential",
]


class ReactalError(Exception):
    """Any failure reactal foresees. Shown to the user as one sentence, never as a traceback."""

    exit_code = 1


class InputError(ReactalError):
    """The user's input is wrong; nothing was written."""

    exit_code = 2


class ConfigError(InputError):
    """The campaign file is wrong."""


class StructureError(InputError):
    """A geometry that cannot be a molecule."""


class UnknownElement(StructureError):
    """An atomic number or symbol outside the periodic table."""


class UnknownState(UnknownElement):
    """A charge or multiplicity that a potential was never trained on: it has as little to say of it as of a strange element."""


class NonFinite(StructureError):
    """NaN or infinity where a number is needed."""


class ImpossibleMultiplicity(StructureError):
    """Charge and multiplicity do not fit the number of electrons."""


class AtomsTooClose(StructureError):
    """Two atoms closer than any bond."""


class MismatchedEnds(InputError):
    """Reactant and product are not the same atoms in the same order."""


class UnknownTheory(InputError):
    """The program does not know this method or basis."""


class UnusablePotential(InputError):
    """A model that gives no number, or the same for everything."""


class ScienceChanged(InputError):
    """The campaign file differs in its science from the campaign that is under way."""


class StoreError(ReactalError):
    """The object store cannot do what was asked."""


class StoreUnavailable(StoreError):
    """No answer from the store, a missing bucket, a full disk, a folder that cannot be written."""

    exit_code = 2


class CredentialsRejected(StoreUnavailable):
    """The store refused the credentials."""


class ConditionalWritesUnsupported(StoreUnavailable):
    """The S3 server ignores If-None-Match, so two drivers could overwrite each other."""


class ObjectNotFound(StoreError):
    """No object under that key."""


class DamagedObject(StoreError):
    """An object whose bytes do not match its hash or its schema."""


class DriverConflict(StoreError):
    """Another driver appended to the journal first."""

    exit_code = 2


class LabelerUnavailable(ReactalError):
    """The program that computes labels is not on this machine."""


class SchedulerLost(ReactalError):
    """The Dask cluster that carried the work no longer answers."""


class DeviceUnavailable(InputError):
    """The GPU that was asked for is not on this machine, or torch cannot use it."""


class OutOfDeviceMemory(ReactalError):
    """A GPU has no memory for the smallest part of the work."""


class DamagedPotential(InputError):
    """What should be a saved potential cannot be read as one."""


class TooFewLabels(InputError):
    """Not enough labelled structures to train on."""


class TrainingDiverged(ReactalError):
    """The loss grew without bound, at every learning rate tried."""


class TrainingInterrupted(ReactalError):
    """A process that trained together with others ended before they were through."""


class TrackerUnavailable(ReactalError):
    """The server that shows a campaign's numbers gives no answer. Never stops a campaign."""
