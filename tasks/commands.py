"""A command of `reactal` as a task: a process of its own, its lines in the run's log, its JSON as the result."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from reactal import errors
from tasks.limits import one_of
from tasks.retrying import DELAY_FACTOR, JITTER, RETRIES, worth_retrying

__all__ = ["CommandFailed", "TimeLimit", "carry_out", "rows_of"]

STOP_SECONDS = 20.0
Result = dict[str, Any]


class CommandFailed(errors.ReactalError):
    """A command that ended without a result."""


class TimeLimit(errors.ReactalError):
    """A command that took longer than it was given."""


def carry_out(name: str, arguments: Sequence[str], *, minutes: float | None, limit: str) -> Result:
    """Inside a flow run: the command, and what it said as artifacts."""
    result = command(name, list(arguments), minutes, limit)
    create_table_artifact(rows_of(result), key=f"{name}-result", description=f"What `reactal {name}` found")
    create_markdown_artifact(
        f"```sh\nreactal {name} {' '.join(arguments)}\n```\n", key=f"{name}-command", description="The same from a shell"
    )
    return result


@task(
    name="command",
    task_run_name="{name}",
    retries=RETRIES,
    retry_delay_seconds=exponential_backoff(DELAY_FACTOR),
    retry_jitter_factor=JITTER,
    retry_condition_fn=worth_retrying,
    cache_policy=NO_CACHE,  # labels, rounds and checkpoints are kept by the command itself
    persist_result=False,
)
def command(name: str, arguments: list[str], minutes: float | None, limit: str) -> Result:
    """Its JSON object; raises the error that it ended with."""
    with one_of(limit), _process([sys.executable, "-m", "reactal.cli.main", name, "--json", *arguments]) as process:
        said = _Said(process)
        try:
            code = process.wait(None if minutes is None else 60.0 * minutes)
        except subprocess.TimeoutExpired:
            raise TimeLimit(f"reactal {name} was stopped after its {minutes:g} minutes; run it again to go on") from None
        text = said.all()
    try:
        result: Result = json.loads(text)
    except ValueError:
        raise CommandFailed(f"reactal {name} ended with exit code {code} and no result; the log says why") from None
    if "error" in result:
        raise _named(result)
    if code:
        get_run_logger().warning("reactal %s ended with exit code %s", name, code)
    return result


def rows_of(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a page can show of a JSON object: its numbers and words, those one level down by both names."""
    flat: dict[str, Any] = {}
    for key, value in result.items():
        inner = {f"{key} {name}": one for name, one in value.items()} if isinstance(value, Mapping) else {key: value}
        flat |= {name: one for name, one in inner.items() if isinstance(one, str | int | float | bool)}
    return [{"what": name.replace("_", " "), "value": value} for name, value in flat.items()]


class _Said:
    """What a process prints: standard output whole, standard error line by line in the run's log as it comes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._text: list[str] = []
        self._logger = get_run_logger()
        self._threads = [
            threading.Thread(target=self._keep, args=(process.stdout,), daemon=True),
            threading.Thread(target=self._log, args=(process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def all(self) -> str:
        for thread in self._threads:
            thread.join()
        return "".join(self._text)

    def _keep(self, stream: Any) -> None:
        self._text.append(stream.read())

    def _log(self, stream: Any) -> None:
        for line in stream:
            if line.strip():
                self._logger.info("%s", line.rstrip())


@contextmanager
def _process(arguments: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """Stopped as Ctrl-C would, whatever ends us: what it has done by then is kept."""
    process = subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            process.kill()
            process.wait()


def _named(result: Mapping[str, Any]) -> errors.ReactalError:
    """The command's error, as the class that it had there, so that what is worth another try is told here, too."""
    kind = getattr(errors, str(result.get("kind")), None)
    sentence = str(result["error"])
    return kind(sentence) if isinstance(kind, type) and issubclass(kind, errors.ReactalError) else CommandFailed(sentence)
