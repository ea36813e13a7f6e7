"""`mlgym predict`: what a trained model says of new data, or of a split of its own.

Owns where predictions go and what is said about them; `inference` does the work.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd

from mlgym_core.cli.reporting import TextLog
from mlgym_core.cli.storage import find_run, open_storage
from mlgym_core.cli.terminal import print_json
from mlgym_core.errors import MLGymError
from mlgym_core.inference.experiment import LoadedExperiment
from mlgym_core.inference.loading import load_from
from mlgym_core.inference.tables import check_output, is_file_name, read_rows, write_table
from mlgym_core.registry.building import of_component


def predict(options: argparse.Namespace, _log: TextLog) -> int:
    """Writes a row for each sample: the prediction, and the probabilities of the classes where there are some."""
    output = Path(options.output) if options.output else None
    if output is not None:
        check_output(output)
    loaded = _load(options)
    table = _predict(loaded, options.data)
    if output is not None:
        write_table(table, output)
    elif not options.json:
        table.to_csv(sys.stdout, index=False)
    if options.json:
        told = {"path": str(output)} if output else {"predictions": table.to_dict(orient="records")}
        print_json({**_origin(loaded), "num_samples": len(table), **told})
    elif output is not None:
        print(f"{output}: {len(table):,} predictions by experiment {loaded.experiment_id} of run {loaded.run_id}")
    return 0


def _load(options: argparse.Namespace) -> LoadedExperiment:
    run = find_run(open_storage(options), options.run_id)
    try:
        return load_from(run, options.experiment_id, best=options.best, epoch=options.epoch, device=options.device)
    except MLGymError:
        raise
    except Exception as error:  # the boundary to the user's components: they may raise anything
        raise of_component(error) from error


def _predict(loaded: LoadedExperiment, data: str) -> pd.DataFrame:
    if is_file_name(data):
        return loaded.predict(loaded.encode(read_rows(Path(data)))).table()
    return loaded.predict_split(data).table()


def _origin(loaded: LoadedExperiment) -> dict[str, object]:
    checkpoint = loaded.checkpoint
    return {
        "run_id": loaded.run_id,
        "experiment_id": loaded.experiment_id,
        "epoch": checkpoint.epoch,
        "step": checkpoint.step,
        "batch": checkpoint.batch,
        "sha256": checkpoint.weights_sha256,
    }
