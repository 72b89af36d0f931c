"""A webhook hears of it, or is not there; either way its address is written nowhere."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from reactal.refinement.notices import WEBHOOK, Nobody, Notice, Webhook, webhook_of_environment

SECRET = "T0KEN-of-the-group"
NOTICE = Notice("sn2", "2026-11-21", "promoted", "the challenger is better")


class Listening(BaseHTTPRequestHandler):
    heard: list[dict[str, str]] = []  # noqa: RUF012 one server at a time
    answer = 200

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        type(self).heard.append(json.loads(self.rfile.read(length)))
        self.send_response(self.answer)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def address() -> Iterator[str]:
    Listening.heard.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listening)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/services/{SECRET}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_notice_arrives_with_a_text_for_chats(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEBHOOK, address)
    webhook_of_environment().notify(NOTICE)
    (heard,) = Listening.heard
    assert heard["campaign"] == "sn2" and heard["what"] == "promoted"
    assert heard["text"] == "reactal: sn2, night 2026-11-21: promoted: the challenger is better"


@pytest.mark.parametrize("away", ["refused", "error", "scheme"])
def test_a_webhook_that_fails_stops_nothing_and_is_not_named(
    address: str, away: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Listening, "answer", 500)
    url = {"refused": f"http://127.0.0.1:1/{SECRET}", "error": address, "scheme": f"file:///{SECRET}"}[away]
    with caplog.at_level(logging.DEBUG):
        Webhook(url).notify(NOTICE)
    assert len(caplog.records) == 1
    assert SECRET not in caplog.text and WEBHOOK in caplog.text


def test_without_an_address_nobody_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WEBHOOK, raising=False)
    assert isinstance(webhook_of_environment(), Nobody)
