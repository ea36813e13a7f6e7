"""What is not as it was when a run was recorded: its configuration, which must not change, and its circumstances.

Owns the comparison and its words. Pure: it looks nothing up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlgym_core.errors import RunError
from mlgym_core.events.projections.run_state import RunState
from mlgym_core.events.projections.views import config_leaves

_MOST_LINES = 50
_OF_MACHINES = ("machine", "cpu_model")
_OF_CODE = {"commit": "the commit of the code", "diff": "what the code differs in from its commit"}


def check_unchanged(recorded: Mapping[int, Mapping[str, Any]], now: Mapping[int, Mapping[str, Any]], why: str) -> None:
    """Sees that each experiment means now what was recorded; `why` says what is to blame where it does not.

    Raises:
        RunError: with all that differs, by dotted path, old → new, and in which experiments.
    """
    found: dict[str, list[int]] = {}
    for number in sorted(recorded.keys() | now.keys()):
        for line in _changes(recorded.get(number), now.get(number)):
            found.setdefault(line, []).append(number)
    if not found:
        return
    lines = [line + _where(numbers, len(recorded)) for line, numbers in found.items()]
    more = [f"and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
    told = "".join(f"\n  {line}" for line in [*lines[:_MOST_LINES], *more])
    raise RunError(
        f"{why}: what would be trained is not what was recorded{told}",
        code="MG124",
        hint="bring it back to what it was and resume again; something new is a run of its own",
    )


def changed_circumstances(
    state: RunState, environment: Mapping[str, Any], git: Mapping[str, Any] | None, devices: Sequence[str]
) -> list[str]:
    """What may give other bits than at the last attempt, a sentence each: versions, device, threads, machine, code."""
    then = max(state.experiments.values(), key=lambda each: (each.attempt > 0, each.started_at or 0.0), default=None)
    lines: list[str] = []
    if then is not None and then.attempt:
        lines += _versions(then.versions, environment["versions"])
        if then.device and _kind(then.device) != _kind(devices[0]):
            lines.append(_told("the device", _kind(then.device), _kind(devices[0])))
        threads = then.config["run"]["threads"]
        if then.threads is not None and then.threads != threads:
            lines.append(_told("the number of threads", then.threads, threads))
    if state.started is not None:
        before = state.started.environment
        known = [key for key in _OF_MACHINES if before.get(key) and environment.get(key)]
        lines += [_told(key, before[key], environment[key]) for key in known if before[key] != environment[key]]
        lines += _code(state.started.git or {}, git or {})
    return lines


def _versions(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in {**then, **now}:
        if then.get(name) != now.get(name):
            yield _told(f"the version of {name}", then.get(name), now.get(name))


def _code(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if then.get("commit") != now.get("commit"):
        yield _told(_OF_CODE["commit"], then.get("commit"), now.get("commit"))
    elif then.get("diff") != now.get("diff"):
        yield f"{_OF_CODE['diff']} is not what it was"


def _told(what: str, then: object, now: object) -> str:
    return f"{what} was {then if then is not None else 'unknown'} and is {now if now is not None else 'unknown'}"


def _kind(device: str) -> str:
    return device.partition(":")[0]


def _changes(recorded: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Iterator[str]:
    if recorded is None or now is None:
        yield "an experiment more" if recorded is None else "an experiment less"
        return
    old, new = ({path: json.dumps(leaf) for path, leaf in config_leaves(each)} for each in (recorded, now))
    for path in old | new:
        if old.get(path) != new.get(path):
            yield f"{path}: {old.get(path, 'absent')} → {new.get(path, 'absent')}"


def _where(numbers: Sequence[int], num_experiments: int) -> str:
    if len(numbers) == num_experiments:
        return ""
    shown = ", ".join(str(each) for each in numbers[:10])
    return f"  (experiment{'' if len(numbers) == 1 else 's'} {shown}{', …' if len(numbers) > 10 else ''})"
