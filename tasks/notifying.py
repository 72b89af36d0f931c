"""Notices through Prefect's notification blocks: Slack, Teams, e-mail and the like, with their addresses kept by Prefect."""

from __future__ import annotations

import logging
from typing import Any, final

from reactal.refinement.notices import Notice, webhook_of_environment

__all__ = ["Told"]

log = logging.getLogger(__name__)


@final
class Told:
    """The blocks of these names, and the webhook of the environment. See `reactal.refinement.notices.Notifier`."""

    def __init__(self, blocks: tuple[str, ...]) -> None:
        self._blocks = blocks

    def notify(self, notice: Notice) -> None:
        """See `Notifier`."""
        webhook_of_environment().notify(notice)
        for name in self._blocks:
            try:
                _load(name).notify(notice.text, subject=notice.subject)
            except Exception as error:  # whatever a block's service raises; its text may hold the address
                log.warning("the block %s did not take the notice of %s (%s)", name, notice.what, type(error).__name__)


def _load(name: str) -> Any:
    from prefect.blocks.core import Block

    return Block.load(name)
