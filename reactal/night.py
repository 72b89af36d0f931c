"""A night of refinement in one process: read its journal, decide, do, append, again."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, final

from reactal.assembly import Workshop, local_folder
from reactal.campaign.events import parse_event as parse_campaign_event
from reactal.campaign.state import fold as fold_campaign
from reactal.config import CampaignConfig, load_config
from reactal.errors import DriverConflict, InputError, ObjectNotFound, ReactalError
from reactal.progress import NoProgress, Progress
from reactal.refinement.champions import Champion
from reactal.refinement.decide import (
    Conclude,
    Gather,
    Judge,
    Keep,
    LabelPortion,
    NightState,
    Open,
    Over,
    Step,
    Teach,
    decide,
    fold,
)
from reactal.refinement.events import Concluded, Event, Outcome, parse_event
from reactal.refinement.figure import draw
from reactal.refinement.gathering import gather
from reactal.refinement.labelling import keep, label_portion
from reactal.refinement.measuring import judge
from reactal.refinement.notices import Nobody, Notice, Notifier
from reactal.refinement.opening import check_campaign, open_night
from reactal.refinement.plan import Tonight
from reactal.refinement.reporting import as_html, markdown, summary
from reactal.refinement.scene import Scene
from reactal.refinement.showing import begin, conclude
from reactal.refinement.standing import CHALLENGER, CHAMPION, Standing
from reactal.refinement.teaching import teach
from reactal.store.journal import Journal
from reactal.store.lease import Lease

__all__ = ["Night", "now_here"]

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,40}$")
FILES = ("report.md", "report.html", "night.json")


def now_here() -> datetime:
    """With the machine's time zone."""
    return datetime.now().astimezone()


@final
class Night:
    """One night of a finished campaign. Opening reads and checks, and writes nothing; `run` may be killed anywhere, and the same
    call goes on: a night that is not over is finished before another one begins."""

    def __init__(
        self,
        path: str | Path,
        *,
        settings: Sequence[str] = (),
        plan: Tonight | None = None,
        name: str | None = None,
        progress: Progress | None = None,
        notifier: Notifier | None = None,
        clock: Callable[[], datetime] = now_here,
    ) -> None:
        self.file, self._clock = Path(path), clock
        self.config: CampaignConfig = load_config(path, settings=settings)
        self.plan = plan or Tonight.model_validate({})
        self._notifier = notifier or Nobody()
        self._workshop = Workshop(self.config, progress=progress or NoProgress())
        self._objects, self._prefix = self._workshop.objects, f"campaigns/{self.config.name}/nights"
        self._lease = Lease(self._objects, f"{self._prefix}/drivers")
        self._driving = False
        self._state = NightState()
        self._choose(name)

    # -- where it stands ---------------------------------------------------------------------------------------------

    @property
    def state(self) -> NightState:
        return self._state

    @property
    def driving(self) -> bool:
        """Whether this is the night's driver."""
        return self._driving

    @property
    def folder(self) -> Path:
        """Where this machine keeps the report."""
        return local_folder(self.config) / self.config.name / "nights" / self.name

    def next_step(self) -> Step:
        """What `run` would do now."""
        return decide(self._state, self.config, self._clock())

    def summary(self) -> dict[str, Any]:
        """The one JSON object that says how the night went."""
        tracking = None if self.config.tracking.kind == "none" else self._workshop.tracking_uri
        return {**summary(self.config.name, self._state), "report": str(self.folder / FILES[1]), "tracking_uri": tracking}

    def page(self) -> str:
        """The report as Markdown."""
        return markdown(self.config.name, self._state, self._facts())

    def nights(self) -> tuple[str, ...]:
        """All there were, the oldest first."""
        keys = sorted(self._objects.list(f"{self._prefix}/order/"))
        return tuple(json.loads(self._objects.get(key))["night"] for key in keys)

    # -- going on ----------------------------------------------------------------------------------------------------

    def run(self) -> dict[str, Any]:
        """Until it is over."""
        try:
            while not isinstance(step := self.next_step(), Over):
                self.carry_out(step)
            self.hand_over()
        except DriverConflict:
            raise  # whoever drives will tell
        except Exception as error:
            if self.driving:
                self.failed(error)
            raise
        return self.summary()

    def begin(self) -> None:
        """Become the driver; `carry_out` does it by itself. What could be wrong is asked before anything is written."""
        if self._driving:
            return
        check_campaign(self._scene, file=self.file)
        self._workshop.check_cluster()
        self._workshop.require_writable()
        self._lease.acquire()
        self._driving = True
        self._choose(self.name)  # what another driver did until now

    def carry_out(self, step: Step) -> Event | None:
        """Do it and append what came of it; None where another driver had ended the night meanwhile."""
        if not self._driving:
            self.begin()
            step = self.next_step()
        if isinstance(step, Over):
            return None
        began = time.monotonic()
        event = self._carried_out(step)
        event = event.model_copy(update={"seconds": time.monotonic() - began})
        self._journal.append(self._state.events, event.as_json())
        self._state = fold([event], self._state)
        return event

    def hand_over(self) -> None:
        """The report, here, in the store and in MLflow, and a notice; what was done before a kill is not done again."""
        concluded = self._state.concluded
        assert concluded is not None
        done = f"{self._prefix}/{self.name}/handed-over"
        with suppress(ObjectNotFound):
            self._objects.get(done)
            return
        files = self._write_report()
        conclude(self._workshop.nights_tracker, self._scene, self._state, files)
        if concluded.outcome is not Outcome.KEPT:
            self._notifier.notify(Notice(self.config.name, self.name, str(concluded.outcome), concluded.why))
        self._objects.put(done, b"")

    def failed(self, error: BaseException) -> None:
        """Tell that the night did not come to its end; it goes on when it is started again."""
        cause = str(error) if isinstance(error, ReactalError) else type(error).__name__
        self._notifier.notify(Notice(self.config.name, self.name, "failed", cause))

    def close(self) -> None:
        """Give everything back; may be called twice."""
        self._lease.release()
        self._workshop.close()

    def __enter__(self) -> Night:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # -- champions ---------------------------------------------------------------------------------------------------

    def champions(self) -> tuple[Champion, ...]:
        """All there were, the oldest first."""
        return self._standing.history()

    def roll_back(self) -> Champion:
        """The champion before this one is champion again, in the store's record and in MLflow's registry."""
        return self._standing.roll_back(self._time())

    # -- inside ------------------------------------------------------------------------------------------------------

    def _choose(self, name: str | None) -> None:
        """The newest night if it is not over, else the one of this name, which may be over, too."""
        if name is not None and NAME.match(name) is None:
            raise InputError(f"{name!r} is no name of a night; use letters, digits, and . _ - inside")
        nights = self.nights()
        last = self._read(nights[-1]) if nights else None
        under_way = last is not None and last.concluded is None
        self.name = nights[-1] if under_way else name or f"{self._clock():%Y-%m-%d}"
        self._journal = Journal(self._objects, f"{self._prefix}/{self.name}/journal")
        self._state = self._read(self.name)
        if nights and self.name == nights[-1]:
            last = self._read(nights[-2]) if len(nights) > 1 else None
        self._last: NightState | None = last

    def _read(self, night: str) -> NightState:
        journal = Journal(self._objects, f"{self._prefix}/{night}/journal")
        return fold(parse_event(record) for record in journal.read())

    @cached_property
    def _scene(self) -> Scene:
        journal = Journal(self._objects, f"campaigns/{self.config.name}/journal")
        state = fold_campaign(parse_campaign_event(record) for record in journal.read())
        return Scene(self._workshop.bench, state, self.name)

    @cached_property
    def _standing(self) -> Standing:
        return Standing(self._scene, self._workshop.nights_tracker)

    def _carried_out(self, step: Step) -> Event:
        scene, state = self._scene, self._state
        if isinstance(step, Open):
            event = open_night(scene, self.plan, last=self._last, alias=self._standing, now=self._clock())
            self._enrol()
            return event
        assert state.opened is not None
        match step:
            case Gather():
                begin(self._workshop.nights_tracker, scene, state)
                return gather(scene, state.opened)
            case LabelPortion():
                assert state.gathered is not None
                return label_portion(scene, state.gathered, start=step.start, stop=step.stop)
            case Keep():
                assert state.gathered is not None
                return keep(scene, state.opened, state.gathered, stop=state.place)
            case Teach():
                assert state.kept is not None
                return teach(scene, state.opened, state.kept)
            case Judge():
                assert state.kept is not None and state.taught is not None
                return judge(scene, state.opened, state.kept, state.taught)
            case Conclude():
                return self._concluded(step)
            case _:
                raise ValueError(f"{step} is nothing to be carried out")

    def _enrol(self) -> None:
        """The night's place in the order of nights; done again after a kill, it is there already."""
        nights = self.nights()
        if self.name not in nights:
            key = f"{self._prefix}/order/{len(nights):08d}.json"
            self._objects.put_if_absent(key, json.dumps({"schema": 1, "night": self.name}).encode())

    def _concluded(self, step: Conclude) -> Concluded:
        """The new champion is in the store's record and in the registry before the journal says so; both bear it twice."""
        state, before = self._state, self._state.opened.champion if self._state.opened else ""
        if step.outcome is Outcome.PROMOTED and state.taught is not None:
            self._standing.promote(state.taught.model, before=before, night=self.name, since=self._time())
            return Concluded(outcome=step.outcome, why=step.why, champion=state.taught.model)
        if self._standing.champion() is None:
            self._standing.point(before, alias=CHAMPION)
        if state.taught is not None:
            self._standing.point(state.taught.model, alias=CHALLENGER)
        return Concluded(outcome=step.outcome, why=step.why, champion=before)

    def _time(self) -> str:
        return self._clock().isoformat(timespec="seconds")

    def _write_report(self) -> dict[str, Path]:
        """The page as Markdown and HTML and the summary as JSON, in the local folder and in the store."""
        state, name = self._state, self.config.name
        numbers = json.dumps(summary(name, state), indent=1, ensure_ascii=False) + "\n"
        texts = (self.page(), as_html(name, state, self._facts()), numbers)
        self.folder.mkdir(parents=True, exist_ok=True)
        for file, text in zip(FILES, texts, strict=True):
            (self.folder / file).write_text(text, encoding="utf-8")
            self._objects.put(f"{self._prefix}/{self.name}/{file}", text.encode())
        drawn = draw(state.judged.groups, self.folder, title=f"{name}, night {self.name}") if state.judged else []
        files = dict(zip(("summary", "report", "numbers"), (self.folder / file for file in FILES), strict=True))
        return {**files, **{f"figures/{file.suffix[1:]}": file for file in drawn}}

    def _facts(self) -> dict[str, str]:
        kept, name = self._state.kept, self.config.name
        facts = {"theory": self._scene.bench.theory.name, "store": self.config.store}
        return facts if kept is None else {**facts, "data set": f"{name}@{kept.dataset}, {kept.rows} labels"}
