"""Copies of tensors in host memory, laid out as the safetensors file that they become, so that they are copied once.

Owns the layout of such a file and the memory for it, which is used again: memory that is new to a process costs more
than the copy. It knows no trainer and no file's name.
"""

from __future__ import annotations

import functools
import json
import weakref
from collections.abc import Iterable, Mapping

import torch
from safetensors.torch import save as save_safetensors
from torch import Tensor

from mlgym_core.checkpoints.protocols import Frozen

_ALIGNMENT = 64
_ROOM_TO_GROW = 4096
"""Bytes by which a header may grow until its file needs new memory: numbers in it get longer."""


class HostBuffers:
    """Memory of the host for copies of state. A copy's memory is used again when nobody holds the copy any more."""

    def __init__(self) -> None:
        self._free: list[Tensor] = []

    def freeze(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> Frozen:
        """The bytes of a safetensors file of `tensors` as they are now; tensors that share memory come once each.

        Of what is on a GPU the copy is only ordered here, and waited for where the bytes are asked for.
        """
        # As safetensors itself orders them, so that each lies where its type may lie.
        ordered = dict(sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0])))
        header = _header(ordered, metadata)
        size_bytes = sum(each.nbytes for each in ordered.values())
        is_pinned = any(each.is_cuda for each in ordered.values())
        buffer = self._take(len(header) + size_bytes, is_pinned=is_pinned)
        begin = (len(buffer) - size_bytes) // _ALIGNMENT * _ALIGNMENT
        buffer[begin - len(header) : begin] = torch.frombuffer(header, dtype=torch.uint8)
        end = begin
        for tensor in ordered.values():
            part, end = buffer[end : end + tensor.nbytes], end + tensor.nbytes
            part.view(tensor.dtype).view(tensor.shape).copy_(tensor.detach(), non_blocking=tensor.is_cuda)
        copied = _when_copied(ordered.values())
        array = buffer.numpy()
        weakref.finalize(array, self._free.append, buffer).atexit = False
        content = array.data[begin - len(header) : end]

        def finished() -> memoryview:
            for event in copied:
                event.synchronize()
            return content

        return finished

    def _take(self, size_bytes: int, *, is_pinned: bool) -> Tensor:
        needed = size_bytes + _ALIGNMENT
        fitting = [
            (len(each), number)
            for number, each in enumerate(self._free)
            if len(each) >= needed and each.is_pinned() == is_pinned
        ]
        if fitting:
            return self._free.pop(min(fitting)[1])
        return torch.empty(needed + _ROOM_TO_GROW, dtype=torch.uint8, pin_memory=is_pinned)


def _header(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None) -> bytearray:
    entries: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    end = 0
    for name, tensor in tensors.items():
        begin, end = end, end + tensor.nbytes
        entries[name] = {"dtype": _name_of(tensor.dtype), "shape": list(tensor.shape), "data_offsets": [begin, end]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    padded = text.ljust(-(-len(text) // _ALIGNMENT) * _ALIGNMENT)
    return bytearray(len(padded).to_bytes(8, "little") + padded)


@functools.cache
def _name_of(dtype: torch.dtype) -> str:
    """How safetensors calls a type. Raises KeyError or TypeError for one that it does not know."""
    content = save_safetensors({"": torch.empty(0, dtype=dtype)})
    name: str = json.loads(content[8:])[""]["dtype"]
    return name


def _when_copied(tensors: Iterable[Tensor]) -> list[torch.cuda.Event]:
    devices = {each.device for each in tensors if each.is_cuda}
    return [torch.cuda.current_stream(device).record_event() for device in devices]
