"""`reactal doctor`: what is missing on this machine, and the mend."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reactal.cli.output import JsonOption, console, emit

if TYPE_CHECKING:
    from reactal.doctor import Setting

__all__ = ["doctor"]


def doctor(
    campaign: Annotated[
        Path | None, typer.Argument(metavar="[CAMPAIGN.yaml]", help="Look with this file's store, Psi4 and scratch.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """What is missing on this machine, and the mend.

    Exit code 1 where something is missing.

    [bold]Example[/bold]: reactal doctor sn2/campaign.yaml
    """
    from dataclasses import asdict

    from reactal.doctor import examine

    findings = examine(_setting(campaign))
    healthy = all(finding.ok for finding in findings)
    if json:
        emit({"ok": healthy, "findings": [asdict(finding) for finding in findings]})
    else:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        for finding in findings:
            mark = Text("✓", "green") if finding.ok else Text("✗", "bold red")
            table.add_row(mark, finding.name, Text(finding.detail))
            if finding.mend and not finding.ok:
                table.add_row("", "", Text(f"mend: {finding.mend}", "yellow"))
        console().print(table)
    if not healthy:
        raise typer.Exit(1)


def _setting(campaign: Path | None) -> Setting | None:
    if campaign is None:
        return None
    from reactal.config import load_config
    from reactal.doctor import Setting

    config = load_config(campaign)
    return Setting(
        store=config.store,
        single_writer=config.single_writer,
        psi4=config.resources.psi4,
        scratch=config.resources.scratch,
        device=config.resources.device,
    )
