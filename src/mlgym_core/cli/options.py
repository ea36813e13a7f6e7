"""The words of the command line: every command and option, and nothing of what they do.

Owns the parser of `mlgym` and that of MLgym's own form, which `mlgym_core.main()` understands beside it.
"""

from __future__ import annotations

import argparse
import math
from typing import Any


def parser() -> argparse.ArgumentParser:
    """The parser of `mlgym`."""
    root = argparse.ArgumentParser(
        prog="mlgym",
        description="Grid searches that can be told exactly, repeated to the bit and watched.",
        allow_abbrev=False,
    )
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_training(commands)
    _add_reading(commands)
    _add_keeping(commands)
    return root


def mlgym_parser(prog: str) -> argparse.ArgumentParser:
    """The parser of the form that a user's `run.py` has had since MLgym."""
    root = argparse.ArgumentParser(prog=prog, description="Trains the grid of a configuration.", allow_abbrev=False)
    root.add_argument("--config_path", metavar="FILE", help="a run_config.yml that says all of this")
    root.add_argument("--process_count", type=int, metavar="N", help="how many experiments train at a time")
    root.add_argument("--text_logging_path", metavar="DIR", help="where log files with tracebacks go")
    root.add_argument("--num_epochs", type=int, metavar="N", help="how many epochs each experiment trains")
    root.add_argument("--device_ids", type=int, nargs="*", metavar="ID", help="the GPUs to use (default: all)")
    root.add_argument("--websocket_logging_servers", nargs="+", metavar="URL", help="the servers to publish to")
    root.add_argument("--gs_rest_api_endpoint", metavar="URL", help="where configurations and checkpoints go")
    root.add_argument("--event_storage_path", metavar="DIR", help="where runs are kept (default: event_storage)")
    root.add_argument("--log_std_to_file", action="store_true", help=argparse.SUPPRESS)
    modes = root.add_subparsers(dest="mode", metavar="MODE")
    train = modes.add_parser("train", help="train a grid", allow_abbrev=False)
    train.add_argument("--gs_config_path", required=True, metavar="FILE", help="the configuration of the grid")
    warm_start = modes.add_parser("warmstart", aliases=["warm_start"], help="go on with a run", allow_abbrev=False)
    warm_start.add_argument("--grid_search_id", metavar="RUN_ID", help="the run to go on with (default: the last)")
    return root


def _add_training(commands: Any) -> None:
    run = _command(commands, "run", "train every experiment of a configuration")
    _add_config(run)
    _add_run_options(run)
    run.add_argument("--dry-run", action="store_true", help="print the experiments that would run, and how many")
    _add_json(run)

    resume = _command(commands, "resume", "go on with what is not finished of a run, each from its newest checkpoint")
    resume.add_argument("run_id", metavar="RUN_ID", help="the id of a run, or `last`")
    resume.add_argument(
        "experiment_ids", nargs="*", type=int, metavar="EXPERIMENT_ID", help="go on with these alone (default: all)"
    )
    resume.add_argument(
        "--config", metavar="FILE", help="the configuration, where it lies elsewhere now; must mean the same"
    )
    _add_place_options(resume)
    _add_json(resume)

    check = _command(commands, "check", "find all faults that can be known before training")
    _add_config(check)
    check.add_argument("--num_epochs", type=int, metavar="N", help="how many epochs each experiment trains")
    check.add_argument("--max_experiments", type=int, metavar="N", help="how large a grid may be")
    check.add_argument("--text_logging_path", metavar="DIR", help="where log files with tracebacks go")
    _add_json(check)

    schema = _command(commands, "schema", "print the JSON schema of configurations, for editors")
    schema.add_argument("config", nargs="?", metavar="CONFIG", help="a configuration whose `imports:` count too")
    components = _command(commands, "components", "list what a configuration can name")
    components.add_argument("config", nargs="?", metavar="CONFIG", help="a configuration whose `imports:` count too")
    components.add_argument("--kind", metavar="KIND", help="list this kind only")
    _add_json(components)


def _add_reading(commands: Any) -> None:
    runs = _command(commands, "runs", "list the runs in the event storage")
    _add_json(runs)
    show = _command(commands, "show", "show the state of a run")
    show.add_argument("run_id", metavar="RUN_ID", help="the id of a run, or `last`")
    show.add_argument("--at", type=int, metavar="EVENT_ID", help="as it was after this event, a line of the log from 0")
    _add_json(show)
    card = _command(commands, "card", "print the card of an experiment's model: data, training, scores, energy")
    _add_experiment(card)
    card.add_argument("--at", type=int, metavar="EVENT_ID", help="as it was after this event, a line of the log from 0")
    _add_json(card)
    predict = _command(commands, "predict", "write what a trained model of a run on this machine says of data")
    _add_experiment(predict)
    predict.add_argument("data", metavar="DATA", help="a .csv, .parquet or .npy file, or a split of the experiment")
    predict.add_argument("--best", metavar="SCORE", help="the model with the best value of a score, such as val/f1")
    predict.add_argument("--epoch", type=int, metavar="N", help="the model after this epoch (default: the newest)")
    predict.add_argument("--output", metavar="FILE", help="a .csv, .parquet or .jsonl file (default: CSV, printed)")
    predict.add_argument("--device", default="cpu", metavar="DEVICE", help="where to predict, such as cuda:0 (cpu)")
    _add_json(predict)
    verify = _command(commands, "verify", "hold a run's log against its chain, and its checkpoints against the log")
    verify.add_argument("run_id", metavar="RUN_ID", help="the id of a run, `last`, or the folder of a copied one")
    _add_json(verify)
    export = _command(commands, "export", "write a run as tables: scores, experiments, checkpoints, logs and others")
    export.add_argument("run_id", metavar="RUN_ID", help="the id of a run, or `last`")
    export.add_argument("--format", required=True, choices=("csv", "parquet"), help="what the files are")
    export.add_argument("--output", metavar="DIR", help="the folder for them (default: export/RUN_ID)")
    _add_json(export)


def _add_experiment(command: argparse.ArgumentParser) -> None:
    command.add_argument("run_id", metavar="RUN_ID", help="the id of a run, or `last`")
    command.add_argument("experiment_id", type=int, metavar="EXPERIMENT_ID", help="the number of an experiment")


def _add_keeping(commands: Any) -> None:
    delete = _command(commands, "delete", "move a run to the trash, or delete the checkpoints of experiments")
    delete.add_argument("run_id", metavar="RUN_ID", help="the id of a run, or `last`")
    delete.add_argument(
        "experiment_ids",
        nargs="*",
        type=int,
        metavar="EXPERIMENT_ID",
        help="delete the checkpoints of these, and leave the run",
    )
    _add_json(delete)
    trash = _command(commands, "trash", "list the deleted runs, bring one back, or remove them for good")
    what = trash.add_mutually_exclusive_group()
    what.add_argument("--empty", action="store_true", help="remove for good what is older than --older-than says")
    what.add_argument("--restore", metavar="RUN_ID", help="bring a run back")
    trash.add_argument("--older-than", type=_days, default=0.0, metavar="DAYS", help="since when in the trash (0)")
    _add_json(trash)
    sync = _command(commands, "sync", "send what a run could not send to its servers, or a copy of a run kept here")
    sync.add_argument("spool", nargs="?", metavar="SPOOL", help="only this run: its id, or its folder")
    sync.add_argument("--server", action="append", metavar="URL", help="an `ml_board` (default: those the run named)")
    sync.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="give up if nothing arrives (60)")
    _add_json(sync)


def _command(commands: Any, name: str, text: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    command.add_argument("--event_storage_path", metavar="DIR", help="where runs are kept (default: event_storage)")
    return command


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = -1
    if not 0 <= days < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of days")
    return days


def _add_config(command: argparse.ArgumentParser) -> None:
    command.add_argument("config", metavar="CONFIG", help="a YAML file, in the native dialect or in MLgym's")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        dest="overrides",
        metavar="PATH=VALUE",
        help="change one value, for example optimizer.lr=0.1; may be given several times",
    )


def _add_run_options(run: argparse.ArgumentParser) -> None:
    _add_place_options(run)
    run.add_argument("--seed", type=int, metavar="N", help="the seed of what has none of its own")
    run.add_argument("--threads", type=int, metavar="N", help="threads of each experiment; other numbers, other bits")
    run.add_argument("--max_experiments", type=int, metavar="N", help="how large a grid may be")


def _add_place_options(run: argparse.ArgumentParser) -> None:
    """What a run that is new and one that goes on have in common: how far, where, and who is told."""
    run.add_argument("--process_count", type=int, metavar="N", help="how many experiments train at a time")
    run.add_argument("--num_epochs", type=int, metavar="N", help="how many epochs each experiment trains, in all")
    run.add_argument("--device_ids", type=int, nargs="*", metavar="ID", help="the GPUs to use (default: all)")
    run.add_argument("--executor", choices=("processes", "main_process"), help="where experiments train")
    run.add_argument("--fail-fast", action="store_true", default=None, help="end the run when one experiment fails")
    run.add_argument("--server", action="append", metavar="URL", help="an `ml_board` to publish to")
    run.add_argument("--gs_rest_api_endpoint", metavar="URL", help="its REST interface, where that is elsewhere")
    run.add_argument("--text_logging_path", metavar="DIR", help="where log files with tracebacks go")
    run.add_argument("--run_config", metavar="FILE", help="a run_config.yml; options go before it")


def _add_json(command: argparse.ArgumentParser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
