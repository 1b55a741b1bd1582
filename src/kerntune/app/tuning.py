"""A study under way: opens the target, the store and the workload, and hands out the study's events."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from kerntune import __version__, host
from kerntune.app.interrupts import Interrupts
from kerntune.app.outlook import (
    Outlook,
    made_optimizer,
    made_workload,
    open_target,
    outlook,
    prepared,
    with_link,
)
from kerntune.app.settings import Settings
from kerntune.catalog import load
from kerntune.errors import KerntuneError, StoreError
from kerntune.hand import recovery
from kerntune.interfaces import Optimizer, Target, Workload
from kerntune.model.knob import Config
from kerntune.model.plan import Plan
from kerntune.model.space import Space
from kerntune.model.trial import Event, Past, Result
from kerntune.report.applied import recovered_lines
from kerntune.rig import WorkloadRig
from kerntune.search import Brief
from kerntune.store import Setup, Store
from kerntune.study import study


@dataclass(frozen=True, slots=True)
class Tuning:
    """A study that is ready to begin. Iterate for its events; each is stored before it is handed out.

    Until then nothing was written: `outlook` says what is going to happen.
    """

    outlook: Outlook
    run_id: str
    target: Target
    workload: Workload
    store: Store
    optimizer: Optimizer
    past: Past | None
    notes: Sequence[str]

    @property
    def brief(self) -> Brief:
        """Returns the plan as it stands on the target."""
        return self.outlook.brief

    def __iter__(self) -> Iterator[Event]:
        """Yields the study's events; an interrupt or a stop request ends it cleanly, with a result."""
        with Interrupts() as interrupts, self._ended_honestly():
            with interrupts.allowed():
                events = self._begun()
            interrupted = False
            while True:
                with interrupts.allowed():
                    event = events.throw(KeyboardInterrupt) if interrupted else next(events)
                self.store.append(self.run_id, event)
                yield event
                if isinstance(event, Result):
                    return
                interrupted = interrupts.pending or self.store.stop_requested(self.run_id)
                interrupts.pending = False

    def _begun(self) -> Generator[Event, None, Result]:
        """Prepares the workload, stores that the run begins, and returns the study's events."""
        link = prepared(self.target, self.workload)
        brief = with_link(self.brief, self.workload, link)
        if self.past is None:
            setup = Setup(host.facts(), __version__, link, _present_values(brief.space))
            self.store.begin(brief.plan, setup, self.run_id)
        else:
            self.store.resume(self.run_id)
        rig = WorkloadRig(self.target, self.workload)
        choice = getattr(self.optimizer, "note", "")
        notes = [*self.notes, *self.outlook.limits, *([choice] if choice else [])]
        past = self.past.trials if self.past else ()
        return study(brief, rig, self.optimizer, past=past, notes=notes)

    @contextmanager
    def _ended_honestly(self) -> Iterator[None]:
        """Stores how the run ended when it ends without a result; one that never began is not stored."""
        try:
            yield
        except KeyboardInterrupt:
            self.store.interrupt(self.run_id, "interrupted")
            raise
        except StoreError:
            raise
        except KerntuneError as error:
            self.store.fail(self.run_id, str(error))
            raise


@contextmanager
def tuning(
    plan: Plan, here: Settings, *, past: Past | None = None, notes: Sequence[str] = ()
) -> Iterator[Tuning]:
    """Opens everything a study needs, and closes it again: nothing is left behind.

    Args:
        plan: What to do.
        here: Where the store and the journals are.
        past: A stored run of the same plan, to be resumed.
        notes: What of the plan's file cannot be honoured: it stands first in the result.

    Raises:
        KerntuneError: Wrong input, or the target, the store or the workload cannot be had.
    """
    catalog = load()
    with ExitStack() as stack:
        store = stack.enter_context(Store.open(here.store_path))
        restored = recovery.replay(here.journal_dir_of(plan.target))
        run_id = past.run_id if past else store.new_id()
        target = stack.enter_context(open_target(plan, here, catalog, run_id))
        workload = made_workload(plan)
        found = outlook(plan, target, catalog, workload)
        yield Tuning(
            outlook=found,
            run_id=run_id,
            target=target,
            workload=workload,
            store=store,
            optimizer=made_optimizer(found),
            past=past,
            notes=(*notes, *recovered_lines(restored, quiet=True)),
        )


def _present_values(space: Space) -> Config:
    return {**dict(space.neighbours), **space.default}
