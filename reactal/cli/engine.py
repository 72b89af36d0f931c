"""A campaign as a Prefect flow run: at the server that is configured, at the one `reactal up` keeps, or at one of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reactal.cli.head_start import HeadStart
from reactal.cli.interrupts import stoppable
from reactal.cli.output import announce
from reactal.errors import InputError

if TYPE_CHECKING:
    from reactal.runner import Campaign

__all__ = ["prefect_api", "run_flow"]


def run_flow(driver: Campaign, file: Path, settings: Sequence[str]) -> dict[str, Any]:
    """The campaign's summary, with where the flow run is found."""
    ahead = HeadStart(driver)
    with prefect_api(driver.folder.parent) as api:
        from flows.campaign import campaign_flow
        from flows.parameters import CampaignRequest

        announce(f"Prefect shows it at {api.removesuffix('/api')}")
        # the form is for those who submit runs; these were read and checked already
        request = CampaignRequest.model_construct(campaign_file=str(file), settings=tuple(settings))
        with stoppable():  # what follows a stop here, the last words to the server, is no longer stopped
            return campaign_flow(ahead, meanwhile=stoppable)(request)


@contextmanager
def prefect_api(folder: Path, *, schedules: bool = False, own: bool = True) -> Iterator[str]:
    """The API that flows talk to meanwhile; `folder` is the `.reactal` one. `schedules`: a server of ours also runs the clock.

    `InputError` where there is none and one of our `own`, which would end with us, is of no use."""
    from flows.server import LocalServer, client_environment, configured_url, published_url, using

    home = folder / "prefect"
    if (configured := configured_url()) is not None:
        yield configured
    elif (published := published_url(home)) is not None:
        with using(published, client_environment(home)):
            yield published
    elif not own:
        raise InputError("no Prefect server answers; set PREFECT_API_URL, or start one with `reactal up` for the same campaign")
    else:
        with LocalServer(home, schedules=schedules) as server:
            import flows.campaign  # noqa: F401 - takes seconds, in which the server starts

            server.wait()
            with using(server.api, client_environment(home)):
                yield server.api
