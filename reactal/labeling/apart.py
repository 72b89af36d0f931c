"""Labels from programs that may hang, or take their process with them: computed in a child that can be killed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, final

from reactal.chem import Attempt, Label, LabelFailure, Structure, Theory
from reactal.errors import ConfigError, LabelerUnavailable, UnknownTheory
from reactal.labeling.apart_process import ApartProcess, ChildFailed
from reactal.labeling.base import LabelingResources

__all__ = ["ApartLabeler", "check_apart"]

START_SECONDS = 300.0  # a cold import from a network disk, or one energy
REFUSALS = {error.__name__: error for error in (ConfigError, UnknownTheory, LabelerUnavailable)}


@final
class ApartLabeler:
    """A `Labeler` whose program runs in a process of its own, started for the first label, and anew after one that ended badly.
    `close` may come from another thread."""

    def __init__(self, theory: Theory, resources: LabelingResources | None = None) -> None:
        self.theory = theory
        self._resources = (resources or LabelingResources()).with_room(None)
        self._process: ApartProcess | None = None
        self._closed = False

    def compute(self, structure: Structure) -> Label | LabelFailure:
        earlier: list[Attempt] = []
        while True:
            began = time.monotonic()
            try:
                answer = self._running().ask({"structure": structure.as_json()}, timeout_s=self._resources.timeout_seconds)
            except ChildFailed as error:
                self._discard()
                if self._closed:
                    raise LabelerUnavailable("the labeler was closed in the middle of a label") from error
                earlier.append(Attempt((), str(error.kind), time.monotonic() - began, error.log))
                if len(earlier) >= self._resources.attempts:
                    message = f"{error} ({len(earlier)} of {self._resources.attempts} attempts)"
                    return LabelFailure(structure.key, self.theory.fingerprint, error.kind, message, tuple(earlier))
                continue
            return _outcome(answer, tuple(earlier))

    def close(self) -> None:
        self._closed = True
        self._discard()

    def _running(self) -> ApartProcess:
        if self._closed:
            raise LabelerUnavailable("this labeler is closed")
        if self._process is None:
            self._process = ApartProcess(self._resources)
            _raise_refusal(self._process.ask({"theory": self.theory.as_json()}, timeout_s=START_SECONDS))
        return self._process

    def _discard(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.close()


def check_apart(theory: Theory, structure: Structure, resources: LabelingResources | None = None) -> None:
    """Ask in a child. Raises `UnknownTheory` or `ConfigError`, or `LabelerUnavailable` where the program is not installed."""
    process = ApartProcess((resources or LabelingResources()).with_room(None))
    try:
        question = {"check": theory.as_json(), "structure": structure.as_json()}
        _raise_refusal(process.ask(question, timeout_s=START_SECONDS))
    except ChildFailed as error:
        raise UnknownTheory(f"theory {theory.name} cannot be tried out: {error}") from error
    finally:
        process.close()


def _raise_refusal(answer: dict[str, Any]) -> None:
    if "refusal" in answer:
        raise REFUSALS[answer["refusal"]](answer["message"])


def _outcome(answer: dict[str, Any], earlier: tuple[Attempt, ...]) -> Label | LabelFailure:
    found: Label | LabelFailure
    found = Label.from_json(answer["label"]) if "label" in answer else LabelFailure.from_json(answer["failure"])
    return replace(found, attempts=(*earlier, *found.attempts)) if earlier else found
