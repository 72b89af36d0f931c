"""Messages that wait: in order, whole or not at all, with copies of their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from reactal.tracking.spool import Spool


def test_messages_come_back_in_order_also_in_another_process_s_hands(tmp_path: Path) -> None:
    first = Spool(tmp_path / "unsent")
    for number in range(20):
        first.add("log", {"number": number})
    second = Spool(tmp_path / "unsent")
    second.add("close_run", {"ok": True})
    told = [second.read(folder) for folder in second.waiting()]
    assert [message.told.get("number") for message in told] == [*range(20), None]
    assert told[-1].call == "close_run"
    for folder in first.waiting():
        first.sent(folder)
    assert second.waiting() == ()


def test_files_are_those_of_the_moment(tmp_path: Path) -> None:
    report, folder = tmp_path / "report.html", tmp_path / "model"
    report.write_text("as it was")
    folder.mkdir()
    (folder / "weights").write_bytes(b"\x00\x01")
    spool = Spool(tmp_path / "unsent")
    spool.add("log", {}, {"report": report, "model/committee": folder})
    report.write_text("as it is now")
    (message,) = map(spool.read, spool.waiting())
    assert message.files["report"].read_text() == "as it was"
    assert (message.files["model/committee"] / "weights").read_bytes() == b"\x00\x01"


def test_a_message_that_was_not_finished_does_not_count(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "unsent")
    with pytest.raises(OSError, match="nowhere"):
        spool.add("log", {}, {"report": tmp_path / "nowhere.html"})
    assert spool.waiting() == ()
    spool.add("log", {"is": "whole"})
    assert len(spool.waiting()) == 1


def test_what_is_refused_is_out_of_the_way_and_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "unsent")
    spool.add("log", {"number": 1})
    spool.add("log", {"number": 2})
    spool.refuse(spool.waiting()[0])
    (left,) = map(spool.read, spool.waiting())
    assert left.told == {"number": 2}
    (kept,) = (tmp_path / "unsent" / "refused").iterdir()
    assert spool.read(kept).told == {"number": 1}


def test_without_a_folder_nothing_is_left_behind() -> None:
    spool = Spool()
    assert spool.waiting() == ()
    spool.add("log", {})
    place = spool.folder
    assert place.is_dir()
    spool.close()
    assert not place.exists()
