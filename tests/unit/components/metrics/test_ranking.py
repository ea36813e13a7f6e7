import math

import pytest
import torch

from mlgym_core.components.metrics import AreaUnderRecallAt, RecallAt
from mlgym_core.components.outputs import Outputs
from mlgym_core.components.post_processing import MinOrMax
from mlgym_core.errors import BuildError

TARGETS = torch.tensor([1, 1, 0, 0, 0, 1, 1])
SCORES = torch.tensor([0, 0.2, 0.1, 0.01, 0.9, 0.7, 1])
BINARY = Outputs(SCORES, TARGETS, "binary", "probabilities")


def test_the_share_of_a_class_among_the_first() -> None:
    assert RecallAt([2, 3])(BINARY) == {"2": 1 / 4, "3": 2 / 4}


def test_the_smallest_may_stand_first() -> None:
    assert RecallAt([2, 5], descending=False)(BINARY) == {"2": 1 / 4, "5": 3 / 4}


def test_class_0_stands_first_where_class_1_is_not_likely() -> None:
    assert RecallAt([2, 3], class_label=0)(BINARY) == {"2": 1 / 3, "3": 2 / 3}
    assert RecallAt([2, 3], class_label=0, given="values")(BINARY) == {"2": 1 / 3, "3": 1 / 3}


def test_more_than_there_are_samples_is_all_of_them() -> None:
    assert RecallAt([1000])(BINARY) == {"1000": 1}


def test_a_decision_function_ranks_as_well_as_probabilities() -> None:
    assert RecallAt([2, 3])(Outputs(SCORES - 0.5, TARGETS, "binary", "decision")) == RecallAt([2, 3])(BINARY)


def test_a_class_of_many_is_ranked_by_its_own_column() -> None:
    raw = torch.tensor([[0.0, 0, 3], [0, 0, 2], [0, 0, 1]])

    assert RecallAt([1, 2], class_label=2)(Outputs(raw, torch.tensor([2, 0, 2]), "multiclass")) == {"1": 0.5, "2": 0.5}


def test_samples_may_be_ranked_by_what_steps_make_of_the_outputs() -> None:
    raw = torch.stack([SCORES, torch.zeros(7)], 1)

    assert RecallAt([2, 3], post_processing=[MinOrMax("max")])(Outputs(raw, TARGETS, "binary"))["3"] == 0.5


def test_the_area_is_under_the_line_through_the_recalls() -> None:
    assert AreaUnderRecallAt([2, 3])(BINARY) == 0.375
    assert AreaUnderRecallAt([2, 3, 7], normalize=True)(BINARY) == (0.375 + 4 * 0.75) / 7


@pytest.mark.parametrize("metric", [RecallAt([1, 2]), AreaUnderRecallAt([1, 2])])
def test_without_a_sample_of_the_class_there_is_no_recall(metric) -> None:
    with pytest.warns(UserWarning, match="no sample is of class 1"):
        scores = metric(Outputs(SCORES, torch.zeros(7, dtype=torch.long), "binary", "probabilities"))

    assert all(math.isnan(each) for each in (scores.values() if isinstance(scores, dict) else [scores]))


@pytest.mark.parametrize(("metric", "k"), [(RecallAt, []), (RecallAt, [2, 2]), (AreaUnderRecallAt, [2])])
def test_numbers_that_make_no_score_are_refused(metric, k) -> None:
    with pytest.raises(BuildError, match="k must be") as info:
        metric(k)
    assert info.value.code == "MG372"


@pytest.mark.parametrize("given", ["scores", "values"])
def test_a_regression_has_nothing_to_be_recalled(given) -> None:
    with pytest.raises(BuildError, match="regression"):
        RecallAt([2], given=given)(Outputs(SCORES, SCORES, "regression"))
