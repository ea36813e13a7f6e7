"""The loop from its first epoch to its last: what is told in which order, and the same bits for the same seed."""

from itertools import groupby

import pytest
import torch
from torch import nn
from torch.utils.data import default_collate

from mlgym_core.checkpoints.serialize import load_tensors
from mlgym_core.events.types import EvaluationResult, ExperimentStatus


def test_an_experiment_learns_and_says_so(train_config, iris) -> None:
    iris["run"]["epochs"] = 8
    trained = train_config(iris)

    assert trained.outcome.reason == "finished"
    assert (trained.outcome.epochs_done, trained.outcome.stopped) == (8, False)
    assert trained.accuracies()[-1] > 0.9 > trained.accuracies()[0]


def test_every_split_has_one_result_an_epoch_with_every_score(train_config, iris) -> None:
    results = train_config(iris).published.of(EvaluationResult)

    assert [(each.epoch, each.loss_scores[0].split) for each in results] == [
        (epoch, split) for epoch in range(3) for split in ("train", "val", "test")
    ]
    assert all([score.metric for score in each.metric_scores] == ["accuracy", "f1"] for each in results)
    assert all([score.loss for score in each.loss_scores] == ["cross_entropy"] for each in results)
    assert {each.experiment_id for each in results} == {3}


def test_progress_is_told_in_order_up_to_the_last_batch(train_config, iris) -> None:
    iris["loaders"] |= {"batch_size": 2, "eval_batch_size": 1}
    told = train_config(iris).published.of(ExperimentStatus)

    passes = [
        list(group) for _, group in groupby(told, lambda each: (each.current_epoch, each.status, each.current_split))
    ]
    assert [(p[0].current_epoch, p[0].status, p[0].current_split) for p in passes] == [
        (epoch, status, split)
        for epoch in range(3)
        for status, split in (
            ("train", "train"),
            ("evaluation", "train"),
            ("evaluation", "val"),
            ("evaluation", "test"),
        )
    ]
    for reports in passes:
        batches = [each.current_batch for each in reports]
        assert len(batches) == 10
        assert batches == sorted(batches)
        assert batches[-1] == reports[-1].num_batches - 1
    assert {each.num_epochs for each in told} == {3}
    assert passes[1][0].splits == ["train", "val", "test"]


def test_progress_is_told_as_often_where_a_step_takes_several_batches(train_config, iris) -> None:
    iris["loaders"]["batch_size"] = 2
    iris["trainer"] = {"accumulate": 4}

    told = [
        each.current_batch
        for each in train_config(iris).published.of(ExperimentStatus)
        if each.status == "train" and each.current_epoch == 0
    ]

    assert len(told) == 10
    assert told[-1] == 41


def test_the_same_seed_gives_the_same_weights_to_the_bit(train_config, iris) -> None:
    first, second = train_config(iris), train_config(iris)
    iris["run"]["seed"] = 2

    assert first.weights() == second.weights()
    assert first.published.of(EvaluationResult) == second.published.of(EvaluationResult)
    assert train_config(iris).weights() != first.weights()


def test_the_loader_does_not_change_the_weights(train_config, iris, registry) -> None:
    registry.register("collator", "default")(lambda: default_collate)
    from_memory = train_config(iris)
    iris["collator"] = "default"

    assert train_config(iris).weights() == from_memory.weights()


def test_how_evaluation_is_batched_changes_neither_weights_nor_scores(train_config, iris) -> None:
    whole = train_config(iris)
    iris["loaders"]["eval_batch_size"] = 3

    batched = train_config(iris)

    assert batched.weights() == whole.weights()
    assert batched.accuracies() == whole.accuracies()


def test_a_loss_is_the_mean_over_all_samples_of_a_split(assemble, train_config, iris) -> None:
    iris["run"]["epochs"] = 1
    iris["loaders"]["eval_batch_size"] = 7
    trained = train_config(iris)

    components = assemble(iris)
    model, data = components["model"].eval(), components["splits"]["val"]
    weights = trained.weights()
    model.load_state_dict(load_tensors(weights))
    expected = sum(nn.functional.cross_entropy(model(x.unsqueeze(0)), y.unsqueeze(0)).item() for x, y in data) / len(
        data
    )
    found = next(each for each in trained.published.of(EvaluationResult) if each.loss_scores[0].split == "val")
    assert found.loss_scores[0].score == pytest.approx(expected, rel=1e-5)


def test_training_leaves_torch_s_settings_as_they_were(train_config, iris) -> None:
    before = torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark

    train_config(iris)

    assert (torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.benchmark) == before
