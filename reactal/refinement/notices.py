"""Who is told of a promotion, a halt, a failure; the address is a secret, and is never written anywhere."""

from __future__ import annotations

import json
import logging
import os
import urllib.request
from dataclasses import asdict, dataclass
from typing import Protocol, final

__all__ = ["WEBHOOK", "Nobody", "Notice", "Notifier", "Webhook", "webhook_of_environment"]

log = logging.getLogger(__name__)

WEBHOOK = "REACTAL_WEBHOOK_URL"
ANSWER_SECONDS = 10.0


@final
@dataclass(frozen=True)
class Notice:
    """`what` is promoted, kept, halted or failed; `text` one sentence."""

    campaign: str
    night: str
    what: str
    text: str

    @property
    def subject(self) -> str:
        return f"reactal: {self.campaign}, night {self.night}: {self.what}"


class Notifier(Protocol):
    """Somebody who is told."""

    def notify(self, notice: Notice) -> None:
        """Never raises, and waits for seconds at most: a night does not depend on who hears of it."""


@final
class Nobody:
    """Nobody wants to know."""

    def notify(self, notice: Notice) -> None:
        return None


@final
class Webhook:
    """A POST of JSON: `text`, which Slack, Mattermost and Teams show, and the notice's fields."""

    def __init__(self, url: str) -> None:
        self._url = url

    def notify(self, notice: Notice) -> None:
        """See `Notifier`."""
        body = json.dumps({**asdict(notice), "message": notice.text, "text": f"{notice.subject}: {notice.text}"}).encode()
        try:
            if not self._url.startswith(("https://", "http://")):
                raise ValueError("it is no http address")
            request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS):  # scheme checked above
                return
        except (OSError, ValueError) as error:
            reason = getattr(error, "code", None) or type(error).__name__  # an error's own text may hold the address
            log.warning("the webhook in %s did not take the notice of %s (%s)", WEBHOOK, notice.what, reason)


def webhook_of_environment() -> Notifier:
    """That of REACTAL_WEBHOOK_URL; nobody without it."""
    url = os.environ.get(WEBHOOK)
    return Webhook(url) if url else Nobody()
