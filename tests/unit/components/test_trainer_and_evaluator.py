import pytest
import torch
from torch import nn

from mlgym_core.components.data.dataset import Dataset
from mlgym_core.components.data.loaders import batches
from mlgym_core.components.evaluator import FullEvaluator
from mlgym_core.components.trainers.torch_trainer import TorchTrainer
from mlgym_core.errors import BuildError


@pytest.fixture
def loaders():
    data = Dataset(inputs=torch.randn(30, 2), targets=torch.arange(30) % 3, task="multiclass", name="noise")
    return batches({"train": data, "val": data.subset(torch.arange(11))}, 4, 0, eval_batch_size=5)


@pytest.fixture
def trainer(loaders) -> TorchTrainer:
    trainer = TorchTrainer(nn.Linear(2, 3), nn.CrossEntropyLoss(), torch.optim.Adam, loaders)
    trainer.prepare(torch.device("cpu"))
    return trainer


def silent(batch: int) -> None:
    pass


def made(trainer: TorchTrainer) -> dict[str, bytes]:
    return {name: freeze() for name, freeze in trainer.resources().items()}


def test_an_epoch_is_a_step_for_each_batch(trainer: TorchTrainer) -> None:
    done = list(trainer.train_epoch(0))

    assert trainer.num_batches == 8
    assert trainer.step == 8
    assert done == list(range(8))


def test_an_epoch_may_go_on_within(trainer: TorchTrainer) -> None:
    assert list(trainer.train_epoch(0, first_batch=6)) == [6, 7]


def test_a_prediction_changes_nothing_and_keeps_no_graph(trainer: TorchTrainer) -> None:
    before = made(trainer)

    outputs = trainer.predict(torch.ones(4, 2))

    assert outputs.shape == (4, 3)
    assert not outputs.requires_grad
    assert made(trainer) == before


def test_training_goes_on_from_the_resources(trainer: TorchTrainer, loaders) -> None:
    list(trainer.train_epoch(0))
    files = made(trainer)
    list(trainer.train_epoch(1))

    other = TorchTrainer(nn.Linear(2, 3), nn.CrossEntropyLoss(), torch.optim.Adam, loaders)
    other.prepare(torch.device("cpu"))
    other.load_resources(files.__getitem__)
    list(other.train_epoch(1))

    assert made(other) == made(trainer)


def test_a_loss_may_be_any_function(loaders) -> None:
    def confidence(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return -outputs.log_softmax(1).gather(1, targets.unsqueeze(1)).mean()

    trainer = TorchTrainer(nn.Linear(2, 3), confidence, torch.optim.Adam, loaders)
    trainer.prepare(torch.device("cpu"))
    list(trainer.train_epoch(0))

    evaluator = FullEvaluator(loaders, {"confidence": confidence})
    assert evaluator.evaluate("val", trainer, silent).losses.keys() == {"confidence"}


def test_the_evaluator_gives_every_score_of_a_split(trainer: TorchTrainer, loaders) -> None:
    told: list[int] = []
    evaluator = FullEvaluator(loaders, {"ce": nn.CrossEntropyLoss()}, {"share": lambda outputs: outputs.labels.mean()})

    scores = evaluator.evaluate("val", trainer, told.append)

    assert evaluator.score_names == ["train/ce", "train/share", "val/ce", "val/share"]
    outputs = trainer.predict(loaders["val"].sample(11)[0])
    assert scores.metrics["share"] == outputs.argmax(1).double().mean().item()
    expected = nn.functional.cross_entropy(outputs, torch.arange(11) % 3).item()
    assert scores.losses["ce"] == pytest.approx(expected, rel=1e-6)
    assert told == [0, 1, 2]


def test_the_evaluator_can_be_told_its_splits(loaders) -> None:
    assert FullEvaluator(loaders, {}, splits=["val"]).splits == ("val",)


def test_splits_that_there_are_not_are_named(loaders) -> None:
    with pytest.raises(BuildError, match=r"the trainer wants the split 'fit'\s+there are: train, val"):
        TorchTrainer(nn.Linear(2, 3), nn.CrossEntropyLoss(), torch.optim.Adam, loaders, split="fit")
    with pytest.raises(BuildError, match=r"the evaluator wants the split 'test'\s+there are: train, val"):
        FullEvaluator(loaders, {}, splits=["val", "test"])


def test_dropping_all_that_there_is_to_train_on_is_refused_whatever_the_split_is_called() -> None:
    data = Dataset(inputs=torch.randn(3, 2), targets=torch.arange(3), task="multiclass", name="noise")
    short = batches({"fit": data}, 4, 0, drop_last=True)

    with pytest.raises(BuildError, match="drop_last leaves no batch of the split 'fit' to train on"):
        TorchTrainer(nn.Linear(2, 3), nn.CrossEntropyLoss(), torch.optim.Adam, short, split="fit")
