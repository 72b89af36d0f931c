"""Progress as a terminal and as a file see it."""

from __future__ import annotations

import io

from rich.console import Console

from reactal.cli.output import duration
from reactal.cli.progress import LineProgress, LiveProgress, TimeLeft


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_time_left_follows_from_budget_and_pace() -> None:
    clock = Clock()
    left = TimeLeft(clock)
    left.budget = 100
    clock.now = 10.0
    left.take("label 1", 5, {})
    assert left.at_most is None, "five labels are no pace"
    clock.now = 40.0
    left.take("label 1", 20, {"failed": 1, "reused": 2})
    assert left.at_most == 160.0
    left.close_stage()
    left.take("train 1", 3, {})
    assert (left.count("done"), left.count("failed"), left.count("reused")) == (20, 1, 2)
    left.take("label 2", 80, {"failed": 1})
    assert left.count("done") == 100 and left.count("failed") == 2
    assert left.at_most == 0.0


def test_terminal_shows_the_stage_at_work_and_keeps_those_that_are_over() -> None:
    clock, screen = Clock(), io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    with LiveProgress(console, clock=clock) as live:
        live.expect(30)
        live.begin("label 1", total=10)
        live.update(7, {"failed": 1, "reused": 2})
        clock.now = 65.0
        moving = Console(file=io.StringIO(), width=120, color_system=None)
        with moving.capture() as captured:
            moving.print(live)
        assert "label 1" in captured.get() and "7/10" in captured.get() and "1 failed" in captured.get()
        assert "7 labels of at most 30" in captured.get()
        live.end("9 labels computed, 0 reused, 1 failed")
    kept = [line for line in screen.getvalue().splitlines() if "✓" in line]
    assert len(kept) == 1
    assert "label 1" in kept[0] and "9 labels computed" in kept[0] and "1 min 05 s" in kept[0]


def test_stage_that_was_broken_off_is_marked() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120, color_system=None)
    try:
        with LiveProgress(console, clock=Clock()) as live:
            live.begin("train 2", total=4)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert any("train 2" in line and "stopped" in line for line in screen.getvalue().splitlines())


def test_file_gets_one_line_a_stage() -> None:
    clock, file = Clock(), io.StringIO()
    lines = LineProgress(file, clock=clock)
    lines.expect(20)
    lines.begin("label 0", total=12)
    lines.update(12, {"failed": 2})
    clock.now = 24.0
    lines.end("10 labels computed")
    assert file.getvalue() == (
        "label 0: 10 labels computed (24 s; 12 labels of at most 20 · 2 failed · 24 s so far · at most 16 s left)\n"
    )


def test_durations() -> None:
    assert [duration(seconds) for seconds in (0.2, 59.4, 60, 125, 4500)] == [
        "0 s",
        "59 s",
        "1 min 00 s",
        "2 min 05 s",
        "1 h 15 min",
    ]
