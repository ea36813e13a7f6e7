import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from mlgym_core.checkpoints import serialize
from mlgym_core.checkpoints.buffers import HostBuffers
from mlgym_core.errors import StoreError

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3) | st.sampled_from(["$tuple", "$x"]), inner, max_size=3)
        | st.dictionaries(st.integers(), inner, max_size=3)
    ),
    max_leaves=12,
)


def dump_tensors(tensors: dict[str, torch.Tensor]) -> bytes:
    return bytes(HostBuffers().freeze({"": serialize.tensor_file(tensors)})[""]())


@given(PLAIN)
def test_plain_values_come_back_as_they_were(value) -> None:
    assert serialize.load_json(serialize.dump_json(value)) == value
    assert serialize.load_state(serialize.dump_state(value)) == value


def test_what_is_not_a_number_comes_back() -> None:
    assert math.isnan(serialize.load_json(serialize.dump_json([float("nan")]))[0])


def test_numbers_and_text_of_classes_of_their_own_come_back_as_plain_ones() -> None:
    class Name(str):
        __slots__ = ()

    class Count(int):
        pass

    state = {"score": np.float64(0.1), "count": Count(3), "name": Name("é"), "path": "\udcff"}

    assert serialize.load_json(serialize.dump_json(state)) == state
    assert {name: type(each) for name, each in serialize.load_state(serialize.dump_state(state)).items()} == {
        "score": float,
        "count": int,
        "name": str,
        "path": str,
    }


@pytest.mark.parametrize(
    "tensor",
    [
        torch.randn(3, 4),
        torch.randn(3, 4).T,
        torch.tensor(5.0),
        torch.arange(4, dtype=torch.int8),
        torch.zeros(0, 2),
        torch.randn(2).bfloat16(),
        torch.tensor([True, False]),
    ],
)
def test_tensors_come_back_in_type_shape_and_bits(tensor: torch.Tensor) -> None:
    back = serialize.load_state(serialize.dump_state({"a": [tensor, (tensor,)]}))

    for found in (back["a"][0], back["a"][1][0]):
        assert (found.dtype, found.shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(found, tensor)


def test_the_state_of_an_optimizer_comes_back() -> None:
    model = nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()

    back = serialize.load_state(serialize.dump_state(optimizer.state_dict()))

    torch.testing.assert_close(back, optimizer.state_dict(), rtol=0, atol=0)
    assert back["param_groups"][0]["betas"] == (0.9, 0.999)


def test_the_same_state_is_the_same_bytes_in_any_order_of_tensors() -> None:
    state = nn.Linear(3, 2).state_dict()

    assert dump_tensors(state) == dump_tensors(dict(reversed(state.items())))
    assert serialize.dump_state(state) == serialize.dump_state(state)


def test_a_model_is_stored_under_its_own_names() -> None:
    model = nn.Sequential(nn.Linear(3, 2))
    model.register_module("tied", model[0])

    back = serialize.load_tensors(dump_tensors(model.state_dict()))

    assert set(back) == {"0.weight", "0.bias", "tied.weight", "tied.bias"}
    assert torch.equal(back["0.weight"], back["tied.weight"])


def test_keys_that_are_no_strings_stay_so() -> None:
    assert serialize.load_json(serialize.dump_json(Counter({3: 2}))) == {3: 2}


@pytest.mark.parametrize("value", [object(), {1, 2}, lambda: 1])
def test_what_has_no_place_in_a_checkpoint_is_refused(value) -> None:
    with pytest.raises(StoreError, match=f"cannot hold a value of the type {type(value).__name__}"):
        serialize.dump_state([value])


def test_json_holds_no_tensors() -> None:
    with pytest.raises(StoreError, match="must not hold tensors"):
        serialize.dump_json({"a": torch.zeros(1)})


def test_a_model_s_state_holds_tensors_alone() -> None:
    with pytest.raises(StoreError, match="'extra' of a model's state is no tensor but a dict"):
        dump_tensors({"extra": {}})  # type: ignore[dict-item]


@pytest.mark.parametrize("read", [serialize.load_tensors, serialize.load_state])
@pytest.mark.parametrize("num_bytes", [0, 7, 40, -1])
def test_a_file_that_is_cut_short_is_an_error(read, num_bytes: int) -> None:
    content = serialize.dump_state({"weight": torch.ones(100)})

    with pytest.raises(StoreError, match="no whole file") as raised:
        read(content[:num_bytes])
    assert raised.value.code == "MG420"
