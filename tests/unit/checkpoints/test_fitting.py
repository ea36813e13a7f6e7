import pytest
import torch
from torch import Tensor

from mlgym_core.checkpoints.fitting import check_fit
from mlgym_core.errors import StoreError

WANTED = {"0.weight": torch.zeros(8, 4), "0.bias": torch.zeros(8), "1.weight": torch.zeros(3, 8)}


def test_tensors_of_the_same_names_shapes_and_types_fit() -> None:
    check_fit({name: torch.ones_like(each) for name, each in reversed(WANTED.items())}, WANTED)


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (
            {**WANTED, "1.weight": torch.zeros(3, 9), "0.bias": torch.zeros(9)},
            r"its '0.bias' is float32 \[9\], and in this model float32 \[8\]",
        ),
        (
            {**WANTED, "0.weight": torch.zeros(8, 4, dtype=torch.float16)},
            r"its '0.weight' is float16 \[8, 4\], and in this model float32 \[8, 4\]",
        ),
        ({"0.weight": WANTED["0.weight"]}, r"it has no '0.bias', which is float32 \[8\] in this model"),
        ({**WANTED, "2.bias": torch.zeros(1)}, r"its '2.bias', which is float32 \[1\], is not in this model"),
    ],
)
def test_the_first_tensor_that_differs_is_named_with_both_forms(found: dict[str, Tensor], why: str) -> None:
    with pytest.raises(StoreError, match=why) as raised:
        check_fit(found, WANTED)

    assert raised.value.code == "MG422"
