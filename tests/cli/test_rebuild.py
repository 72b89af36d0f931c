"""`reactal rebuild`: what it refuses. tests/infra/prove_recovery.py loses an MLflow database and has it written anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reactal.cli.main import invoke
from tests.campaigns import leps_campaign


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [({}, "has no tracking"), ({"tracking": {"kind": "mlflow", "uri": "sqlite:///none.db"}}, "has not begun")],
)
def test_what_cannot_be_rebuilt_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: dict[str, Any], sentence: str
) -> None:
    assert invoke(["rebuild", str(leps_campaign(tmp_path, **changes))]) == 2
    assert sentence in capsys.readouterr().err
