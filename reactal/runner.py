"""A campaign in one process: read the journal, decide, do, append, again."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, final

from reactal.assembly import Workshop, local_folder
from reactal.campaign.decide import Action, Done, Finish, Wait, decide
from reactal.campaign.events import Amended, Approved, Event, Paused, Resumed, Started, parse_event
from reactal.campaign.state import CampaignState, fold
from reactal.config import CampaignConfig, load_config, load_resolved, science_changes
from reactal.errors import DriverConflict, InputError, ObjectNotFound, ScienceChanged
from reactal.progress import NoProgress, Progress
from reactal.stages.bench import Bench
from reactal.stages.carry_out import carry_out
from reactal.stages.summary import batch_progress, summarize
from reactal.stages.track import campaign_run, publish, track
from reactal.store.journal import Journal
from reactal.store.lease import Lease

__all__ = ["Campaign"]

_SAID = (Paused, Resumed, Amended, Approved)  # events that people append beside a driver


@final
class Campaign:
    """The one object that changes, and it changes only by appending to its journal.

    Opening reads and checks; it writes nothing. `run` starts the campaign, goes on with it, or finds that it is done.
    """

    def __init__(self, path: str | Path, *, settings: Sequence[str] = (), progress: Progress | None = None) -> None:
        self.file = Path(path)
        self.config: CampaignConfig = load_config(path, settings=settings)
        self._workshop = Workshop(self.config, progress=progress or NoProgress())
        objects, name = self._workshop.objects, self.config.name
        self._prefix = f"campaigns/{name}"
        self._journal = Journal(objects, f"{self._prefix}/journal")
        self._lease = Lease(objects, f"{self._prefix}/drivers")
        self._driving = False
        self.events: tuple[Event, ...] = tuple(parse_event(record) for record in self._journal.read())
        self._state = fold(self.events)

    # -- where it stands ---------------------------------------------------------------------------------------------

    @property
    def state(self) -> CampaignState:
        return self._state

    @property
    def bench(self) -> Bench:
        """The stores that the campaign works with."""
        return self._workshop.bench

    def next_action(self) -> Action:
        """What `run` would do now, pauses and amendments by others included."""
        self._catch_up()
        return decide(self._state, self.config)

    @property
    def finished(self) -> bool:
        return self._state.outcome is not None

    def summary(self) -> dict[str, Any]:
        """The one JSON object that says how the campaign stands."""
        return summarize(self._workshop.bench, self.events, self._state, folder=self.folder, tracking=self._tracking())

    @property
    def at_work(self) -> dict[str, Any] | None:
        """The driver that lives, by `host` and `pid`, and how much of its batch is labelled; None where nobody drives."""
        holder = self._lease.holder()
        if holder is None:
            return None
        return {"host": holder["host"].partition("pid:")[0], "pid": holder["pid"], **batch_progress(self.bench, self._state)}

    @property
    def dashboard(self) -> str | None:
        """The page of the Dask cluster that works for this driver now; None where there is none."""
        return self._workshop.dashboard

    @property
    def folder(self) -> Path:
        """Where this machine keeps the campaign's report."""
        return local_folder(self.config) / self.config.name

    @property
    def potential(self) -> Any:
        """The newest committee as an ASE calculator."""
        from reactal.potentials.calculator import calculator_of

        if self._state.trained is None:
            raise InputError(f"campaign {self.config.name} has no model yet; run it first")
        return calculator_of(self._workshop.bench.committee(self._state.trained.model))

    # -- going on ----------------------------------------------------------------------------------------------------

    def run(self) -> dict[str, Any]:
        """Until it is done, or paused."""
        while not isinstance(action := self.next_action(), Done | Wait):
            self.carry_out(action)
        if self.finished and not (self.folder / "report.json").is_file():  # killed between the last event and its report
            self._report()
        if self.finished and not self._driving:
            self._workshop.send_unsent()
        return self.summary()

    def begin(self) -> None:
        """Become the driver; `carry_out` does it by itself. What could be wrong is asked before anything is written."""
        if self._driving:
            return
        self.refuse_other_science()
        if not self._state.config:
            for end in self.config.ends:
                self._workshop.check_theory(end)
        self._workshop.check_cluster()
        self._workshop.require_writable()
        self._lease.acquire()
        self._workshop.show_metrics(lambda: self._state)
        self._driving = True
        if not self._state.config:  # what comes before may be an approval or a pause
            self._keep_config()
            self._append(Started(config=self.config.sha256, seed=self.config.seed))
        elif self._state.config != self.config.sha256:
            self._keep_config()

    def refuse_other_science(self) -> None:
        """`ScienceChanged` where the file would give other numbers than the campaign under way."""
        before = self._configured()
        changes = [] if before is None else science_changes(before, self.config)
        if changes:
            raise ScienceChanged(
                f"{self.file} differs in its science from the campaign {self.config.name} under way ({'; '.join(changes)}); "
                "put it back, give the campaign another name, or run `reactal amend`"
            )

    def carry_out(self, action: Action) -> Event:
        """Do it and append what came of it. Doing it again after a crash pays for nothing twice."""
        self.begin()
        began = time.monotonic()
        event = carry_out(action, self._workshop.bench, self._state)
        event = event.model_copy(update={"seconds": time.monotonic() - began})
        self._append(event)
        if isinstance(action, Finish):
            self._hand_over()
        return event

    def write_report(self, *, bitmaps: bool = True) -> dict[str, Path]:
        """`report.html` and `report.json` as the campaign stands, and by their names the figures, cards and chemiscope's file."""
        from reactal.report.companions import write_companions
        from reactal.report.html import pictures, write_report
        from reactal.stages import report_density
        from reactal.stages.reporting import report_data

        data = report_data(self._workshop.bench, self.events, self._state, summary=self.summary())
        shown = pictures(data) + report_density.pictures(self._workshop.bench, self._state)
        page, numbers = write_report(data, self.folder, shown=shown)
        return {page.name: page, numbers.name: numbers, **write_companions(data, self.folder, shown, bitmaps=bitmaps)}

    def pause(self, reason: str) -> None:
        """Whoever drives the campaign stops before its next action."""
        if self.finished:
            raise InputError(f"campaign {self.config.name} is finished ({self._state.outcome}); there is nothing to pause")
        if self._state.paused is None:
            self._append(Paused(reason=reason))

    def resume(self, reason: str) -> None:
        """Go on after a pause; a finished campaign starts over on a fresh budget with all it knows."""
        if self._state.paused is not None or self.finished:
            self._append(Resumed(reason=reason))

    def approve(self, reason: str, *, labels: int | None = None, money: float | None = None) -> None:
        """Let it spend beyond `budget.approve_above`: up to these numbers in all, or without them its whole budget."""
        if self.config.budget.approve_above is None:
            raise InputError(f"{self.file} has no budget.approve_above, so that campaign {self.config.name} asks nobody")
        if self.finished:
            raise InputError(f"campaign {self.config.name} is finished ({self._state.outcome}); there is nothing to approve")
        self._catch_up()
        self._append(Approved(up_to_labels=labels, up_to_money=money, reason=reason))

    def amend(self, reason: str) -> tuple[str, ...]:
        """Take the file as it is now for this campaign from here on; the differences that this makes."""
        before = self._configured()
        if before is None:
            raise InputError(f"campaign {self.config.name} has not begun; change its file and run it")
        changes = tuple(science_changes(before, self.config))
        self._keep_config()
        self._append(Amended(config=self.config.sha256, changes=changes, reason=reason))
        return changes

    def rebuild_tracking(self) -> str:
        """Show every event to the tracker once more, as after the loss of its database; the id of the campaign's run there."""
        if self.config.tracking.kind == "none":
            raise InputError(f"{self.file} has no tracking; with `tracking: {{kind: mlflow}}` its runs can be written")
        if not self.events:
            raise InputError(f"campaign {self.config.name} has not begun; there is nothing to rebuild")
        if (driver := self.at_work) is not None:
            raise InputError(f"campaign {self.config.name} is driven by {driver['pid']} at {driver['host']}; pause it first")
        tracker, bench, state = self._workshop.tracker, self._workshop.bench, CampaignState()
        for event in self.events:
            state = fold([event], state)
            track(tracker, bench, event, state)
        if self.finished:
            self._hand_over()
        found = {"tracking_uri": self._workshop.tracking_uri, "run_id": tracker.run_id(campaign_run(tracker, bench))}
        self._workshop.objects.put(f"{self._prefix}/tracking.json", json.dumps(found).encode())
        return str(found["run_id"])

    def close(self) -> None:
        """Give everything back; may be called twice."""
        self._lease.release()
        self._workshop.close()

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # -- inside ------------------------------------------------------------------------------------------------------

    def _configured(self) -> CampaignConfig | None:
        if not self._state.config:
            return None
        return load_resolved(self._workshop.objects.get(f"{self._prefix}/config/{self._state.config}.yaml"))

    def _keep_config(self) -> None:
        key = f"{self._prefix}/config/{self.config.sha256}.yaml"
        self._workshop.objects.put_if_absent(key, self.config.yaml().encode())

    def _append(self, event: Event) -> None:
        """After whatever people said meanwhile; another driver's event there is a conflict."""
        while True:
            try:
                self._journal.append(len(self.events), event.as_json())
                break
            except DriverConflict:
                said = self._catch_up()
                if not said or not all(isinstance(other, _SAID) for other in said):
                    raise
        self._take(event)
        if self._driving:
            track(self._workshop.tracker, self._workshop.bench, event, self._state)

    def _catch_up(self) -> tuple[Event, ...]:
        """Take in what others appended."""
        new = tuple(parse_event(record) for record in self._journal.since(len(self.events)))
        for event in new:
            self._take(event)
        return new

    def _hand_over(self) -> None:
        """The report and the model, as files here and at the tracker."""
        from reactal.potentials.export import load_committee, write_committee

        report = self._report()
        bench, trained = self._workshop.bench, self._state.trained
        if trained is not None:
            model = write_committee(self.folder / "model", load_committee(bench.models.get(trained.model)))
            publish(self._workshop.tracker, bench, self._state, report=report, model=model)

    def _report(self) -> dict[str, Path]:
        """With bitmaps only where a tracker shows them: they cost as much as all the rest, and `reactal report` draws them."""
        return self.write_report(bitmaps=self.config.tracking.kind != "none")

    def _tracking(self) -> dict[str, Any]:
        """Where the runs are. The driver writes the run's id down, so that nobody else has to ask the tracker."""
        if self.config.tracking.kind == "none" or not self.events:
            return {"tracking_uri": None, "run_id": None}
        objects, key = self._workshop.objects, f"{self._prefix}/tracking.json"
        if self._driving:
            run = self._workshop.tracker.run_id(campaign_run(self._workshop.tracker, self._workshop.bench))
            found = {"tracking_uri": self._workshop.tracking_uri, "run_id": run}
            objects.put(key, json.dumps(found).encode())
            return found
        try:
            kept: dict[str, Any] = json.loads(objects.get(key))
        except ObjectNotFound:
            kept = {"tracking_uri": self._workshop.tracking_uri, "run_id": None}
        return kept

    def _take(self, event: Event) -> None:
        self.events = (*self.events, event)
        self._state = fold([event], self._state)
