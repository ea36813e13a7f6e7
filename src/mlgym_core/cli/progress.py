"""What a run looks like while it runs: a live table on a terminal, plain lines elsewhere.

Owns what is drawn. It sees a run only as events and the state that they make.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from mlgym_core.cli.scores import best_experiment, headline
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.projections.run_state import ExperimentState, RunState
from mlgym_core.events.types import Event, JobStatus, LogLines
from mlgym_core.execution.watching import Watcher

_REDRAW_S = 0.1
_BAR_WIDTH = 16
_COLUMNS = ("experiment", "bar", "epoch", "phase", "score")
_STYLES = {"finished": "green", "failed": "red", "stopped": "yellow", "running": "cyan", "pending": "dim"}


class Progress(Watcher, Protocol):
    """A watcher that draws."""

    def close(self) -> None:
        """Ends the display; what it showed last stays."""
        ...


def make_progress(console: Console) -> Progress:
    """A live table where `console` is a terminal that can move its cursor, else plain lines."""
    return LiveTable(console) if console.is_terminal and not console.is_dumb_terminal else Lines(console)


class Lines:
    """A line for each experiment that ends and for each line that training wrote."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def begin(self, run: RunFolder, experiment_ids: Sequence[int]) -> None:
        """Says which run it is."""
        self._print(f"run {run.run_id}: {len(experiment_ids)} experiment{'s' if len(experiment_ids) != 1 else ''}")

    def see(self, events: Sequence[Event], state: RunState) -> None:
        """Says what became of experiments."""
        for line in _news(events, state):
            self._print(line)

    def close(self) -> None:
        """Has nothing to end."""

    def _print(self, line: str | Text) -> None:
        self._console.print(line, soft_wrap=True, highlight=False, markup=False)


class LiveTable:
    """A bar for each experiment that runs, one for all to be trained; above them what training wrote, and failures."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._experiment_ids: frozenset[int] = frozenset()
        self._next_draw = 0.0
        self._has_begun = False
        self._live = Live(Text("checking the configuration", style="dim"), console=console, refresh_per_second=10)
        self._live.start()

    def begin(self, run: RunFolder, experiment_ids: Sequence[int]) -> None:
        """Says which run it is."""
        self._has_begun = True
        self._experiment_ids = frozenset(experiment_ids)
        self._console.print(f"run {run.run_id}", style="bold", highlight=False)

    def see(self, events: Sequence[Event], state: RunState) -> None:
        """Redraws, but not more often than an eye can follow."""
        for line in _news(events, state, only_failures=True):
            self._console.print(line, soft_wrap=True, highlight=False, markup=False)
        is_over = state.ended is not None
        began = time.monotonic()
        if is_over or began >= self._next_draw:
            self._live.update(self.draw(state), refresh=is_over)
            ended = time.monotonic()
            # A picture of thousands of experiments takes its time; training needs the processor more.
            self._next_draw = ended + max(_REDRAW_S, 20 * (ended - began))

    def close(self) -> None:
        """Leaves the last picture, where there was a run."""
        self._live.transient = not self._has_begun
        self._live.stop()

    def draw(self, state: RunState) -> RenderableType:
        """The picture of a state."""
        # One line for each, also on a narrow terminal: the phase alone gives way.
        table = Table.grid(*(Column(no_wrap=name != "phase") for name in _COLUMNS), padding=(0, 2))
        for experiment in state.experiments.values():
            if experiment.status == "running":
                table.add_row(*_row(experiment))
        best = best_experiment(state.experiments.values())
        told = [Text(f"best {best[1]}, experiment {best[0].experiment_id}")] if best else []
        return Group(table, self._total(state), *told)

    def _total(self, state: RunState) -> RenderableType:
        trained = (each for number, each in state.experiments.items() if number in self._experiment_ids)
        counts = Counter(each.status for each in trained)
        num_ended = sum(counts[status] for status in ("finished", "failed", "stopped"))
        parts = [Text(f"{count} {status}", style=_STYLES[status]) for status, count in sorted(counts.items())]
        grid = Table.grid(padding=(0, 2))
        total = len(self._experiment_ids)
        bar = _bar(total=total, completed=num_ended)
        grid.add_row(Text(f"{num_ended}/{total}", style="bold"), bar, Text("  ").join(parts))
        return grid


def _row(experiment: ExperimentState) -> Iterable[RenderableType]:
    yield Text(f"experiment {experiment.experiment_id}")
    yield _bar(total=experiment.num_epochs or 1, completed=_epochs(experiment))
    yield Text(f"epoch {experiment.epochs_done}/{experiment.num_epochs or '?'}")
    phase = f"{experiment.phase or ''} on {experiment.current_split or ''}".removesuffix(" on ")
    yield Text(phase, style="dim", no_wrap=True, overflow="ellipsis")
    yield Text(str(headline(experiment) or ""))


def _bar(*, total: float, completed: float) -> ProgressBar:
    return ProgressBar(total=total, completed=completed, width=_BAR_WIDTH, finished_style="green")


def _epochs(experiment: ExperimentState) -> float:
    """Epochs done, with the part of the running one that is trained."""
    if experiment.phase != "train" or not experiment.num_batches or experiment.current_batch is None:
        return experiment.epochs_done
    return experiment.epochs_done + (experiment.current_batch + 1) / experiment.num_batches


def _news(events: Sequence[Event], state: RunState, *, only_failures: bool = False) -> Iterable[str | Text]:
    for event in events:
        payload = event.payload
        if isinstance(payload, LogLines):
            whose = "" if payload.experiment_id is None else f"[{payload.experiment_id}] "
            yield from (f"{whose}{line}" for line in payload.lines)
        elif isinstance(payload, JobStatus) and payload.status == "DONE":
            experiment = state.experiments[payload.experiment_id]
            if experiment.status == "failed" or not only_failures:
                yield _ending(experiment)


def _ending(experiment: ExperimentState) -> Text:
    text = f"experiment {experiment.experiment_id} {experiment.status}"
    detail = experiment.error if experiment.error else str(headline(experiment) or "")
    return Text(f"{text}: {detail}" if detail else text, style=_STYLES[experiment.status])
