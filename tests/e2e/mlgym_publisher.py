"""What a training of MLgym 0.0.75 publishes, by its own classes out of its own wheel.

Run as `python mlgym_publisher.py WHEEL URL RUN_ID`; does one act for each line on standard input, and answers with what
it gave, on a line.
"""

import sys

WHEEL, URL, RUN_ID = sys.argv[1:]
sys.path.insert(0, WHEEL)

import torch  # noqa: E402
from ml_gym.batching.batch import EvaluationBatchResult  # noqa: E402
from ml_gym.multiprocessing.states import JobStatus, JobType  # noqa: E402
from ml_gym.persistency.io import GridSearchRestfulAPIClient  # noqa: E402
from ml_gym.persistency.logging import (  # noqa: E402
    ExperimentStatusLogger,
    JobStatusLogger,
    LoggerCollection,
    StreamedLogger,
)

host, port = URL.rsplit(":", 1)
stream = LoggerCollection([StreamedLogger(host=host, port=int(port))])
jobs = JobStatusLogger(stream)
experiment = ExperimentStatusLogger(stream, experiment_id=0, grid_search_id=RUN_ID)
rest = GridSearchRestfulAPIClient(endpoint=URL)
SPLITS = ["train", "val"]


def begin() -> None:
    """What MLgym does before the first epoch."""
    rest.add_config_string(RUN_ID, "grid_search_config.yml", "model: small\n", "YAML")
    rest.add_config_string(RUN_ID, "experiment_config.json", '{"lr": 0.1}', "JSON", experiment_id=0)
    jobs.log_experiment_config(RUN_ID, 0, 0, {"lr": 0.1})
    tell("RUNNING", "")


def tell(status: str, error: str) -> None:
    """The state of the experiment's job."""
    jobs.log_job_status(
        f"{RUN_ID}-0", JobType.CALC, JobStatus[status], RUN_ID, 0, 1_700_000_000, -1, torch.device("cpu"), error, ""
    )


def train(epoch: int) -> None:
    """One epoch with its result and its checkpoint, for which that of the epoch before goes."""
    for batch in range(10):
        experiment.log_experiment_status("TRAINING", 3, epoch, SPLITS, "train", 10, batch)
    for split in SPLITS:
        losses, metrics = {"loss": [torch.tensor(1.0).item() / (epoch + 1)]}, {"f1": [0.5 + epoch / 10]}
        result = EvaluationBatchResult(losses=losses, metrics=metrics, dataset_name="iris", split_name=split)
        experiment.log_evaluation_results(result, epoch)
    model = torch.nn.Linear(4, 3)
    optimizer = torch.optim.Adam(model.parameters())
    experiment.log_checkpoint(epoch, model.state_dict(), optimizer.state_dict(), {"epoch": epoch})
    if epoch > 0:
        experiment.log_checkpoint(epoch - 1, None, None, None)


ACTS = {
    "begin": begin,
    "train 0": lambda: train(0),
    "train 1": lambda: train(1),
    "train 2": lambda: train(2),
    "end": lambda: tell("DONE", ""),
    "load": lambda: len(rest.get_checkpoint_resource(RUN_ID, 0, 2, "model")),
    "list": lambda: rest.get_experiment_statuses(RUN_ID),
}

for line in sys.stdin:
    sys.stdout.write(f"{ACTS[line.strip()]()}\n")
    sys.stdout.flush()
