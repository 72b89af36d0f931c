"""An interrupt at the worst moment must neither get lost nor leave Python's import lock taken."""

from __future__ import annotations

import contextlib
import gc
import signal
import threading
import time
import weakref

import pytest

from reactal.cli.interrupts import stoppable

PATIENCE = 30.0


def wait_for_it() -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        threading.Event().wait(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_interrupt_is_raised_at_once(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), stoppable():
        signal.raise_signal(number)
        raise AssertionError("nothing was raised")
    assert signal.getsignal(number) == before


def test_interrupt_waits_until_the_import_machinery_is_left() -> None:
    came_through: list[bool] = []

    def importing() -> None:
        signal.raise_signal(signal.SIGINT)
        came_through.append(True)

    # as Python's own code that holds the lock would look to the handler
    importing.__code__ = importing.__code__.replace(co_filename="<frozen importlib._bootstrap>")
    with pytest.raises(KeyboardInterrupt), stoppable():
        importing()
        wait_for_it()
    assert came_through == [True]


def test_interrupt_waits_until_a_finalizer_is_left() -> None:
    came_through: list[bool] = []

    class Closing:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)
            came_through.append(True)

    with pytest.raises(KeyboardInterrupt), stoppable():
        Closing()
        gc.collect()
        wait_for_it()
    assert came_through == [True]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupt_that_was_swallowed_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reactal.cli.interrupts.LOST_SECONDS", 0.05)
    swallowed: list[bool] = []

    def callback(_: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            swallowed.append(True)

    class Thing:
        pass

    with pytest.raises(KeyboardInterrupt), stoppable():
        thing = Thing()
        kept = weakref.ref(thing, callback)
        del thing
        gc.collect()
        assert kept() is None and swallowed
        wait_for_it()


def test_what_has_ended_is_not_interrupted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reactal.cli.interrupts.LOST_SECONDS", 0.05)
    with contextlib.suppress(KeyboardInterrupt), stoppable():
        signal.raise_signal(signal.SIGINT)
    threading.Event().wait(0.2)  # an interrupt here would fail the test


def test_interrupt_in_the_clothes_of_another_exception_is_known() -> None:
    with pytest.raises(KeyboardInterrupt), stoppable():
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            raise ValueError("a library's own words") from error


def test_other_exceptions_stay_what_they_are() -> None:
    with pytest.raises(ValueError, match="mine"), stoppable():
        raise ValueError("mine")
