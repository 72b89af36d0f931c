"""Ctrl-C and SIGTERM as one exception that is neither lost nor raised where Python could not bear it."""

from __future__ import annotations

import _thread
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import final

__all__ = ["stoppable"]

SOON_SECONDS = 0.02
LOST_SECONDS = 10.0
"""So long after an interrupt without an end, it has been swallowed, as Python does in callbacks of its garbage collector."""

_IMPORTS = "<frozen importlib"
_SWALLOWING = frozenset({"__del__", "_gc_callback"})


@contextmanager
def stoppable() -> Iterator[None]:
    """Meanwhile what batch systems send before they kill stops the program as Ctrl-C does: by `KeyboardInterrupt`."""
    interrupt = _Interrupt()
    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Exception as error:
        if interrupt.raised:  # some libraries wrap whatever comes up through them
            raise KeyboardInterrupt from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        interrupt.over()


@final
class _Interrupt:
    """A signal handler that sees to it that its exception arrives.

    A thread calls it again where it could not raise, or where what it raised came to nothing. The handler tells the thread
    through a pipe: taking a lock, in whatever the main thread was just doing, could stop both for good.
    """

    def __init__(self) -> None:
        self.raised = False
        self._ended = False
        self._listen, self._tell = os.pipe()
        threading.Thread(target=self._come_back, name="interrupts", daemon=True).start()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        fitting = _fitting(frame)
        os.write(self._tell, bytes([number, fitting]))
        if fitting:
            self.raised = True
            raise KeyboardInterrupt

    def over(self) -> None:
        """What was to be stopped has ended."""
        self._ended = True
        os.close(self._tell)

    def _come_back(self) -> None:
        while told := os.read(self._listen, 2):
            number, fitting = told
            time.sleep(LOST_SECONDS if fitting else SOON_SECONDS)
            if not self._ended:
                _thread.interrupt_main(signal.Signals(number))
        os.close(self._listen)


def _fitting(frame: FrameType | None) -> bool:
    """Whether an exception here would go up to our caller and leave nothing half done.

    Between taking and giving back the import lock it would leave the lock taken, and every other thread would stand still at
    its next import; a module in the middle of its import would be tried again later, when half of it exists; in finalizers
    the exception would be printed and forgotten.
    """
    while frame is not None:
        if frame.f_code.co_filename.startswith(_IMPORTS) or frame.f_code.co_name in _SWALLOWING:
            return False
        frame = frame.f_back
    return True
