import pytest
import torch
from safetensors.torch import load, save
from torch import Tensor

from mlgym_core.checkpoints.buffers import HostBuffers, TensorFile
from mlgym_core.checkpoints.contents import Content

STATE = {
    "weight": torch.randn(5, 3).T,
    "count": torch.tensor(7),
    "mask": torch.tensor([True, False, True]),
    "half": torch.randn(3).bfloat16(),
    "nothing": torch.zeros(0, 2),
    "complex": torch.randn(2, dtype=torch.complex64),
}


def freeze(buffers: HostBuffers, tensors: dict[str, Tensor], **metadata: str) -> Content:
    return buffers.freeze({"model": TensorFile(tensors, metadata)})["model"]()


def assert_equal(content: bytes | memoryview, state: dict[str, Tensor]) -> None:
    found = load(bytes(content))
    assert set(found) == set(state)
    for name, tensor in state.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name


def test_safetensors_reads_what_was_frozen() -> None:
    assert_equal(freeze(HostBuffers(), STATE, note="ü"), STATE)


def test_safetensors_itself_lays_out_tensors_the_same_way() -> None:
    def data_of(content: bytes) -> bytes:
        return content[8 + int.from_bytes(content[:8], "little") :]

    state = {name: each.contiguous() for name, each in STATE.items() if name != "complex"}

    assert data_of(bytes(freeze(HostBuffers(), state))) == data_of(save(state))


def test_what_was_frozen_stays_while_its_tensors_change() -> None:
    buffers, weight = HostBuffers(), torch.ones(100)
    frozen = []
    for _ in range(3):
        frozen.append(freeze(buffers, {"weight": weight}))
        weight += 1

    for number, each in enumerate(frozen, 1):
        assert_equal(each, {"weight": torch.full((100,), float(number))})


def address(content: bytes | memoryview) -> int:
    return torch.frombuffer(content, dtype=torch.uint8).data_ptr()


def test_memory_is_used_again_once_nobody_holds_the_bytes() -> None:
    buffers, state = HostBuffers(), {"weight": torch.ones(1000)}
    held = freeze(buffers, state)
    meanwhile = freeze(buffers, state)
    places = {address(held), address(meanwhile)}
    assert len(places) == 2

    del held, meanwhile
    for _ in range(4):
        again = freeze(buffers, state)
        assert address(again) in places
        del again


def test_the_smallest_memory_that_is_large_enough_is_taken() -> None:
    buffers = HostBuffers()
    sizes = {"large": torch.ones(10**6), "small": torch.ones(10)}
    held = {name: freeze(buffers, {"": each}) for name, each in sizes.items()}
    places = {name: address(each) for name, each in held.items()}
    held.clear()

    again = {name: freeze(buffers, {"": each}) for name, each in reversed(sizes.items())}

    assert {name: address(each) for name, each in again.items()} == places


def test_a_header_may_grow_a_little_in_the_same_memory() -> None:
    buffers, state = HostBuffers(), {"weight": torch.ones(1000)}
    content = freeze(buffers, state, step="1")
    end = address(content) + len(content)
    del content

    content = freeze(buffers, state, step="1" * 3000)
    assert address(content) + len(content) == end


def test_a_header_that_grows_more_has_other_memory() -> None:
    buffers, state = HostBuffers(), {"weight": torch.ones(1000)}
    freeze(buffers, state, step="1")

    content = freeze(buffers, state, step="1" * 30_000)

    assert_equal(content, state)
    assert len(content) > 34_000


def test_files_of_one_moment_are_copied_together() -> None:
    buffers, weight = HostBuffers(), torch.ones(100)
    files = {
        "model": TensorFile({"weight": weight}),
        "nothing": TensorFile({}, {"step": "1"}),
        "optimizer": TensorFile({"0": weight.bfloat16(), "1": torch.tensor(True)}, {"step": "2"}),
    }
    for _ in range(2):  # the second in the memory of the first
        frozen = {name: each() for name, each in buffers.freeze(files).items()}
        for name, each in files.items():
            assert_equal(frozen[name], dict(each.tensors))
        assert 0 < address(frozen["optimizer"]) - address(frozen["model"]) < 10**5
        del frozen


def test_a_type_that_safetensors_does_not_know_is_refused() -> None:
    with pytest.raises((KeyError, TypeError)):
        freeze(HostBuffers(), {"": torch.zeros(3, dtype=torch.complex128)})
