"""What flow runs are called, and the tags by which they are found."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from prefect import runtime

__all__ = ["command_run_name", "compare_run_name", "flow_run_name", "journal_tag"]


def flow_run_name() -> str:
    """The campaign's folder or file and the time: `sn2-chloride · 2026-11-20 14:05`."""
    given = runtime.flow_run.parameters
    file = Path(given["campaign_file"] if "campaign_file" in given else _field(given["request"], "campaign_file"))
    name = file.absolute().parent.name if file.stem == "campaign" else file.stem
    return f"{name} · {_now()}"


def command_run_name() -> str:
    """What is worked on, and the time: `label band.xyz · 2026-11-20 14:05`."""
    request, flow = runtime.flow_run.parameters["request"], runtime.flow_run.flow_name
    subject = next(value for field in ("frames", "dataset", "model") if (value := _field(request, field)))
    return f"{flow} {Path(str(subject)).name} · {_now()}"


def compare_run_name() -> str:
    """The folder of the results, and the time: `compare compared · 2026-11-20 14:05`."""
    return f"compare {Path(_field(runtime.flow_run.parameters['request'], 'out')).absolute().name} · {_now()}"


def journal_tag(store: str, name: str) -> str:
    """The same for all runs that drive one campaign, and for no others: two stores may each hold one of the same name."""
    return f"journal-{hashlib.sha256(f'{store} {name}'.encode()).hexdigest()[:12]}"


def _field(request: Any, name: str) -> Any:
    """Prefect gives parameters as they were submitted, or as the flow sees them."""
    return request.get(name) if isinstance(request, Mapping) else getattr(request, name, None)


def _now() -> str:
    return f"{datetime.now().astimezone():%Y-%m-%d %H:%M}"
