"""`mlgym card`: the card of an experiment's model, as Markdown or as one JSON document.

Owns how a card reads; what stands in it is folded out of the run's events.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from mlgym_core.cli.reporting import TextLog
from mlgym_core.cli.storage import find_run, open_storage
from mlgym_core.cli.terminal import print_json
from mlgym_core.events.folder import RunFolder
from mlgym_core.events.projections.energy import CarbonFootprint
from mlgym_core.events.projections.model_card import ModelCard, model_card
from mlgym_core.events.projections.run_state import ScoreAt
from mlgym_core.events.projections.views import config_leaves, leaf_text
from mlgym_core.events.snapshots import open_fold
from mlgym_core.events.system_info import read_system_info

_OF_MACHINE = ("host", "platform", "cpu_model", "num_cores", "num_cpus", "ram_bytes", "threads")


def card(options: argparse.Namespace, _log: TextLog) -> int:
    """Prints the card, also as it was at an event."""
    run = find_run(open_storage(options), options.run_id)
    found = _card_of(run, options.experiment_id, options.at)
    if options.json:
        print_json(found)
    else:
        print("\n".join(markdown(found)))
    return 0


def _card_of(run: RunFolder, experiment_id: int, at: int | None) -> ModelCard:
    state = open_fold(run, at)[0].state
    state.find(experiment_id)
    return model_card(state, experiment_id, read_system_info(run, experiment_id))


def markdown(card: ModelCard) -> Iterator[str]:
    """The lines of the card as a Markdown document; parts of which nothing is known are left out."""
    details = card.model_details
    yield f"# Experiment {details.experiment_id} of run {details.grid_search_id}"
    yield from _section("Model", _model(card))
    yield from _section("Data", _data(card))
    yield from _section("Training", _training(card))
    yield from _section("Evaluation", _evaluation(card))
    yield from _section("Environment", _environment(card))
    yield from _section("Energy", _energy(card.experiment_environment.carbon_footprint))
    yield from _section("Pipeline", _pipeline(card))


def _model(card: ModelCard) -> Iterator[str]:
    details = card.model_details
    checkpoint = details.checkpoint
    told = checkpoint and f"epoch {checkpoint.epoch}, step {checkpoint.step} ({', '.join(checkpoint.kept_as)})"
    yield from _items(
        {
            "description": details.description,
            "class": details.class_name,
            "parameters": _count(details.num_parameters),
            "trainable parameters": _count(details.num_trainable_parameters),
            "newest checkpoint": told,
            "SHA-256 of its weights": checkpoint and f"`{checkpoint.sha256}`",
        }
    )
    yield from _configuration({"model": details.model, "model_info": details.model_info})


def _data(card: ModelCard) -> Iterator[str]:
    details = card.dataset_details
    if details.splits:
        rows = [
            (name, split.task or "", f"{split.num_samples:,}", _labels(split.labels))
            for name, split in details.splits.items()
        ]
        yield from _table(("split", "task", "samples", "labels"), rows)
    yield from _configuration(details.configuration)


def _training(card: ModelCard) -> Iterator[str]:
    details = card.training_details
    yield from _items(
        {
            "status": details.status,
            "error": details.error,
            "epochs": f"{details.epochs_done} of {'?' if details.num_epochs is None else details.num_epochs}",
            "attempt": details.attempt or None,
            "seed": details.seed,
            "device": details.device,
            "started": _time(details.started_at),
            "finished": _time(details.finished_at),
        }
    )
    yield from _configuration(details.configuration)


def _evaluation(card: ModelCard) -> Iterator[str]:
    rows = [
        (split, name, _score(score.best), _score(score.last))
        for split, scores in card.eval_details.splits.items()
        for name, score in scores.items()
    ]
    if rows:
        yield from _table(("split", "score", "best", "last"), rows)


def _environment(card: ModelCard) -> Iterator[str]:
    environment = card.experiment_environment
    machine, command = environment.system_env, environment.entry_point_cmd
    yield from _items(
        {
            **{key.replace("_", " "): machine.get(key) for key in _OF_MACHINE},
            "versions": ", ".join(f"{name} {each}" for name, each in machine.get("versions", {}).items()) or None,
            "packages": f"{len(machine['packages'])} are recorded" if machine.get("packages") else None,
            "command": command and f"`{command}`",
            "code": _code(card.pipeline_details.git or {}),
        }
    )


def _code(git: Mapping[str, Any]) -> str | None:
    if not git.get("commit"):
        return None
    diff = git.get("diff") or ""
    changes = f"with changes, whose diff of {len(diff.splitlines()):,} lines is recorded" if git.get("dirty") else None
    return ", ".join(filter(None, (f"commit `{git['commit']}`", git.get("branch"), changes)))


def _energy(footprint: CarbonFootprint | None) -> Iterator[str]:
    if footprint is None:
        return
    parts = f"processors {footprint.cpu_kwh:.4g}, GPUs {footprint.gpu_kwh:.4g}"
    yield from _items(
        {
            "energy": f"{footprint.energy_kwh:.4g} kWh ({parts})",
            "emissions": f"{footprint.emissions_g:.4g} g of CO2 equivalents",
            "measured": f"{footprint.measured_seconds:.4g} s",
            "processors at most": f"{footprint.cpu_max_watts:g} W: {footprint.cpu_source}",
            "carbon intensity": f"{footprint.carbon_intensity_g_per_kwh:g} g/kWh: {footprint.carbon_source}",
        }
    )
    yield from ("", footprint.method)


def _pipeline(card: ModelCard) -> Iterator[str]:
    rows = [(each.slot, ", ".join(each.use), ", ".join(each.needs)) for each in card.pipeline_details.graph]
    if rows:
        yield from _table(("slot", "component", "needs"), rows)


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    found = list(lines)
    if found:
        yield from ("", f"## {title}", *found)


def _items(values: Mapping[str, object]) -> Iterator[str]:
    known = {name: value for name, value in values.items() if value is not None}
    if known:
        yield from ("", *(f"- {name}: {_inline(value)}" for name, value in known.items()))


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield from ("", _row(header), _row(["---"] * len(header)), *map(_row, rows))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_inline(cell).replace('|', chr(92) + '|') for cell in cells)} |"


def _configuration(slots: Mapping[str, Any]) -> Iterator[str]:
    leaves = [leaf for slot, config in slots.items() for leaf in config_leaves(config, slot) if leaf[1] is not None]
    if leaves:
        yield from ("", "```yaml", *(f"{path}: {_inline(leaf_text(value))}" for path, value in leaves), "```")


def _inline(value: object) -> str:
    return " ".join(str(value).split())


def _labels(labels: Mapping[str, int] | None) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in (labels or {}).items())


def _count(number: int | None) -> str | None:
    return None if number is None else f"{number:,}"


def _score(score: ScoreAt | None) -> str:
    if score is None:
        return ""
    return f"{'not finite' if score.value is None else f'{score.value:.4g}'} (epoch {score.epoch})"


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
