"""What flow runs are called."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from prefect import runtime

__all__ = ["flow_run_name"]


def flow_run_name() -> str:
    """The campaign's folder or file and the time: `sn2-chloride · 2026-11-20 14:05`."""
    file = Path(runtime.flow_run.parameters["campaign_file"])
    name = file.absolute().parent.name if file.stem == "campaign" else file.stem
    return f"{name} · {datetime.now().astimezone():%Y-%m-%d %H:%M}"
