"""The `reactal` command: its parts, and what becomes of an error.

Each command imports what it needs when it is called, so that `reactal --help` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence

import typer

import reactal
from reactal.cli import dataset, density, labels, search
from reactal.cli import refine as nights
from reactal.cli.compare import compare
from reactal.cli.control import amend, approve, pause, resume
from reactal.cli.deploy import deploy
from reactal.cli.doctor import doctor
from reactal.cli.estimate import estimate
from reactal.cli.explore import explore
from reactal.cli.export import export
from reactal.cli.init import init
from reactal.cli.label import label
from reactal.cli.network import discover, network, routes
from reactal.cli.predict import predict
from reactal.cli.rebuild import rebuild
from reactal.cli.refine import champion, refine
from reactal.cli.run import run
from reactal.cli.sample import sample
from reactal.cli.status import report, status
from reactal.cli.train import train
from reactal.cli.tune import tune
from reactal.cli.up import up
from reactal.cli.validate import validate
from reactal.errors import ReactalError
from reactal.secrecy import scrubbed

__all__ = ["app", "invoke", "main"]

INTERRUPTED = 130  # what shells expect of a program that was stopped by Ctrl-C
UsageError: type[BaseException] = typer.BadParameter.__mro__[1]  # Typer's, whichever click it is built on

app = typer.Typer(
    name="reactal",
    help="From two geometries to a verified reactive potential: reference labels are bought only where the model is in doubt.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

_CAMPAIGNS, _STAGES, _MACHINE = "A campaign", "One stage by itself", "This machine"
_REACTIONS = "Geometries and reactions on a model, or on GFN-xTB"
_COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    _CAMPAIGNS: (init, estimate, run, status, report, pause, resume, approve, amend, refine, champion, rebuild),
    _STAGES: (label, train, tune, predict, export, explore, validate, compare),
    _REACTIONS: (sample, routes, network, discover),
    _MACHINE: (doctor, up, deploy),
}
for group, commands in _COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=group)(command)
for group_of_commands in (labels.app, dataset.app, density.app, search.app):
    app.add_typer(group_of_commands, rich_help_panel=_STAGES)

app.add_typer(nights.app, rich_help_panel=_CAMPAIGNS)


@app.callback(invoke_without_command=True)
def _program(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and leave."),
) -> None:
    if version:
        sys.stdout.write(f"reactal {reactal.__version__}\n")
        raise typer.Exit
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")


def main() -> None:
    """The console script."""
    sys.exit(invoke(sys.argv[1:]))


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code. Nothing but Ctrl-C twice gets out of here as an exception."""
    as_json = "--json" in arguments
    try:
        code = typer.main.get_command(app).main(list(arguments), prog_name="reactal", standalone_mode=False)
        if code == INTERRUPTED:  # newer Typer's word for KeyboardInterrupt
            raise KeyboardInterrupt
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except UsageError as error:
        return _failed(f"{_usage(error)}; `reactal --help` lists the commands", code=2, kind="Usage", as_json=as_json)
    except ReactalError as error:
        return _failed(str(error), code=error.exit_code, kind=type(error).__name__, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        return _failed("stopped; run again to go on", code=INTERRUPTED, kind="Interrupted", as_json=as_json, prefix="")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us has left; the exit is quiet
        return 0
    except Exception as error:
        cause = " ".join(str(error).split()) or "no message"
        text = f"{type(error).__name__}: {cause}; this is a fault of reactal, its traceback is in {_keep_traceback()}"
        return _failed(text, code=1, kind=type(error).__name__, as_json=as_json)


def _usage(error: BaseException) -> str:
    text = getattr(error, "format_message", lambda: str(error))()
    return " ".join(text.split()).rstrip(".")


def _failed(text: str, *, code: int, kind: str, as_json: bool, prefix: str = "error: ") -> int:
    sentence = scrubbed(" ".join(text.split()))
    if as_json:
        sys.stdout.write(json.dumps({"error": sentence, "kind": kind, "exit_code": code}, ensure_ascii=False) + "\n")
    sys.stderr.write(f"{prefix}{sentence}\n")
    return code


def _keep_traceback() -> str:
    with tempfile.NamedTemporaryFile("w", prefix="reactal-", suffix=".log", delete=False, encoding="utf-8") as file:
        file.write(scrubbed(traceback.format_exc()))
    return file.name


if __name__ == "__main__":
    main()
