"""A study under way: opens the target, the store and the workload, and hands out the study's events."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from kerntune import __version__, host
from kerntune.app.interrupts import Interrupts
from kerntune.app.plugins import plugin
from kerntune.app.settings import Settings
from kerntune.catalog import Resolution, load, names_to_read, resolve
from kerntune.encoding import Encoding, Task
from kerntune.errors import InputError, KerntuneError, StoreError
from kerntune.hand import recovery
from kerntune.interfaces import Link, MetricSpec, Optimizer, Target, Workload
from kerntune.model.knob import Config
from kerntune.model.plan import Plan
from kerntune.model.space import Space
from kerntune.model.trial import Event, Past, Result
from kerntune.report.applied import recovered_lines
from kerntune.rig import WorkloadRig
from kerntune.search import Brief
from kerntune.store import Setup, Store
from kerntune.study import study


class Tuning:
    """A study under way. Iterate for its events; each is stored before it is handed out."""

    def __init__(
        self, brief: Brief, events: Generator[Event, None, Result], store: Store, run_id: str
    ) -> None:
        self.brief = brief
        self.run_id = run_id
        self._events = events
        self._store = store

    def __iter__(self) -> Iterator[Event]:
        """Yields the study's events; an interrupt or a stop request ends it cleanly, with a result."""
        with Interrupts() as interrupts, self._ended_honestly():
            interrupted = False
            while True:
                with interrupts.allowed():
                    event = self._events.throw(KeyboardInterrupt) if interrupted else next(self._events)
                self._store.append(self.run_id, event)
                yield event
                if isinstance(event, Result):
                    return
                interrupted = interrupts.pending or self._store.stop_requested(self.run_id)
                interrupts.pending = False

    @contextmanager
    def _ended_honestly(self) -> Iterator[None]:
        """Stores how the run ended when it ends without a result."""
        try:
            yield
        except KeyboardInterrupt:
            self._store.interrupt(self.run_id, "interrupted")
            raise
        except StoreError:
            raise
        except KerntuneError as error:
            self._store.fail(self.run_id, str(error))
            raise


@contextmanager
def tuning(plan: Plan, here: Settings, *, past: Past | None = None) -> Iterator[Tuning]:
    """Opens everything a study needs, and closes it again: nothing is left behind.

    Args:
        plan: What to do.
        here: Where the store and the journals are.
        past: A stored run of the same plan, to be resumed.

    Raises:
        KerntuneError: Wrong input, or the target, the store or the workload cannot be had.
    """
    catalog = load()
    with ExitStack() as stack:
        store = stack.enter_context(Store.open(here.store_path))
        restored = recovery.replay(here.journal_dir)
        open_target = plugin("targets", plan.target)
        target: Target = stack.enter_context(
            open_target(plan.target_options, journal_dir=here.journal_dir, catalog=catalog)
        )
        resolution = resolve(catalog, plan.picks, target.read(names_to_read(catalog, plan.picks)))
        workload: Workload = plugin("workloads", plan.workload.name)(plan.workload.options)
        link = _link(target)
        brief = Brief(plan, resolution.space, _objective_metric(plan, workload, link))
        optimizer, choice = _optimizer(plan, resolution.space)
        rig = WorkloadRig(target, workload, guards=plan.guards)
        if past is None:
            setup = Setup(host.facts(), __version__, link, _present_values(resolution.space))
            past = Past(store.begin(plan, setup), ())
        else:
            store.resume(past.run_id)
        notes = [*recovered_lines(restored, quiet=True), *_limits(resolution), *choice]
        events = study(brief, rig, optimizer, past=past.trials, notes=notes)
        yield Tuning(brief, events, store, past.run_id)


def _limits(resolution: Resolution) -> list[str]:
    left_out = [f"left out {name}: {absence.detail}" for name, absence in resolution.left_out]
    return [*left_out, *resolution.notes]


def _link(target: Target) -> Link | None:
    with target.applied({}) as place:
        return place.link


def _objective_metric(plan: Plan, workload: Workload, link: Link | None) -> MetricSpec:
    metrics = workload.metrics(link)
    for metric in metrics:
        if metric.name == plan.objective.metric:
            return metric
    msg = f"workload {plan.workload.name} gives no metric {plan.objective.metric!r}"
    raise InputError(msg, hint=f"it gives: {', '.join(metric.name for metric in metrics)}")


def _optimizer(plan: Plan, space: Space) -> tuple[Optimizer, Sequence[str]]:
    """Returns the plan's optimizer with the hints as its starting points, and what it wants to be said."""
    encoding = Encoding(space)
    start = [encoding.encode({**space.default, **_present(hint.config, space)}) for hint in plan.hints]
    task = Task(encoding.cube, tuple(start), plan.seed, plan.budget.trials, plan.optimizer_options)
    optimizer: Optimizer = plugin("optimizers", plan.optimizer)(task)
    note = getattr(optimizer, "note", "")
    return optimizer, [note] if note else []


def _present_values(space: Space) -> Config:
    return {**dict(space.neighbours), **space.default}


def _present(config: Config, space: Space) -> Config:
    """Returns the part of a hint whose knobs exist on the target."""
    names = space.default.keys()
    return {name: value for name, value in config.items() if name in names}
