"""Live progress on standard error: one moving line for the stage at work, one still line for each that is over."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO, final

from reactal.cli.output import duration

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

__all__ = ["LineProgress", "LiveProgress", "Shown", "TimeLeft", "progress"]

Facts = Mapping[str, str | int | float]
Clock = Callable[[], float]
LABELLING = ("seed", "label")  # stages whose units of work are labels
ENOUGH_LABELS = 10  # before their pace means anything


class Shown(Protocol):
    """`reactal.progress.Progress` that may be told how many labels the campaign may still spend."""

    def expect(self, labels: int) -> None:
        """Labels left in the budget."""

    def begin(self, stage: str, *, total: int | None = None) -> None: ...

    def update(self, done: int, facts: Facts | None = None) -> None: ...

    def end(self, summary: str) -> None: ...


@final
class TimeLeft:
    """Labels so far, and the longest that the rest of the budget can take at the pace so far."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock()
        self._earlier: dict[str, int] = {}  # of the stages that are over
        self._now: dict[str, int] = {}
        self.budget: int | None = None

    def take(self, stage: str, done: int, facts: Facts) -> None:
        """The counts of the stage at work."""
        if stage.split()[0] in LABELLING:
            self._now = {"done": done, **{key: int(facts.get(key, 0)) for key in ("failed", "reused")}}

    def close_stage(self) -> None:
        for key, count in self._now.items():
            self._earlier[key] = self._earlier.get(key, 0) + count
        self._now = {}

    def count(self, key: str) -> int:
        """`done`, `failed` or `reused` labels since this progress began."""
        return self._earlier.get(key, 0) + self._now.get(key, 0)

    @property
    def elapsed(self) -> float:
        return self._clock() - self._began

    @property
    def at_most(self) -> float | None:
        """Seconds; None while nothing can be said. A campaign may be verified long before its budget is spent."""
        done = self.count("done")
        if self.budget is None or done < ENOUGH_LABELS:
            return None
        return self.elapsed / done * max(self.budget - done, 0)

    def line(self) -> str:
        parts = [f"{self.count('done')} labels" + (f" of at most {self.budget}" if self.budget is not None else "")]
        parts += [f"{count} {key}" for key in ("reused", "failed") if (count := self.count(key))]
        parts.append(f"{duration(self.elapsed)} so far")
        if self.at_most is not None:
            parts.append(f"at most {duration(self.at_most)} left")
        return " · ".join(parts)


@final
class LiveProgress:
    """For a terminal. A context manager: the moving lines are there while it is entered."""

    def __init__(self, console: Console, *, clock: Clock = time.monotonic) -> None:
        from rich.live import Live
        from rich.spinner import Spinner

        self._console, self._clock = console, clock
        self._stage: str | None = None
        self._began, self._done = 0.0, 0
        self._total: int | None = None
        self._facts: Facts = {}
        self._left = TimeLeft(clock)
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(self, console=console, transient=True, refresh_per_second=8, redirect_stdout=False)

    def __enter__(self) -> LiveProgress:
        self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._stage is not None:
            self._leave("stopped" if kind is not None else "", "[yellow]–[/]")
        self._live.stop()

    def expect(self, labels: int) -> None:
        self._left.budget = labels

    def begin(self, stage: str, *, total: int | None = None) -> None:
        self._stage, self._began, self._done, self._total, self._facts = stage, self._clock(), 0, total, {}

    def update(self, done: int, facts: Facts | None = None) -> None:
        self._done = done
        self._facts = facts if facts is not None else self._facts
        if self._stage is not None:
            self._left.take(self._stage, done, self._facts)

    def end(self, summary: str) -> None:
        self._leave(summary, "[green]✓[/]")

    def _leave(self, summary: str, mark: str) -> None:
        from rich.table import Table
        from rich.text import Text

        stage, self._stage = self._stage or "", None
        self._left.close_stage()
        row = Table.grid(padding=(0, 1), expand=True)
        row.add_column(width=1)
        row.add_column(width=12, no_wrap=True)
        row.add_column(ratio=1)
        row.add_column(justify="right", no_wrap=True)
        row.add_row(mark, Text(stage, "bold"), Text(summary), Text(duration(self._clock() - self._began), "dim"))
        self._console.print(row)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        if self._stage is not None:
            yield self._at_work(self._stage)
        yield Text(f"  {self._left.line()}", "dim")

    def _at_work(self, stage: str) -> RenderableType:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        row = Table.grid(padding=(0, 1))
        row.add_column(width=1)
        row.add_column(width=12, no_wrap=True)
        bar = ProgressBar(total=self._total, completed=self._done, width=24, pulse=self._total is None)
        count = f"{self._done}/{self._total}" if self._total is not None else (str(self._done) if self._done else "")
        facts = Text("  ").join(
            Text(f"{_number(value)} {key}", "bold red" if key == "failed" and value else "")
            for key, value in self._facts.items()
            if value or key != "failed"
        )
        since = Text(duration(self._clock() - self._began), "dim")
        row.add_row(self._spinner, Text(stage, "bold"), bar, Text(count), facts, since)
        return row


@final
class LineProgress:
    """For a file or a pipe: one plain line when a stage is over."""

    def __init__(self, stream: TextIO, *, clock: Clock = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._stage, self._began = "", clock()
        self._left = TimeLeft(clock)

    def expect(self, labels: int) -> None:
        self._left.budget = labels

    def begin(self, stage: str, *, total: int | None = None) -> None:
        self._stage, self._began = stage, self._clock()

    def update(self, done: int, facts: Facts | None = None) -> None:
        self._left.take(self._stage, done, facts or {})

    def end(self, summary: str) -> None:
        self._left.close_stage()
        seconds = duration(self._clock() - self._began)
        self._stream.write(f"{self._stage}: {summary} ({seconds}; {self._left.line()})\n")
        self._stream.flush()


@contextmanager
def progress() -> Iterator[Shown]:
    """What suits standard error."""
    from reactal.cli.output import console

    target = console(stderr=True)
    if target.is_terminal:
        with LiveProgress(target) as live:
            yield live
    else:
        yield LineProgress(sys.stderr)


def _number(value: str | float) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
