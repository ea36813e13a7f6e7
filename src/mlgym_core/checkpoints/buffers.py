"""Copies of tensors in host memory, laid out as the safetensors files that they become, so that they are copied once.

Owns the layout of such files and the memory for them, which is used again: memory that is new to a process costs more
than the copy. It knows no trainer.
"""

from __future__ import annotations

import functools
import json
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec
import torch
from safetensors.torch import save as save_safetensors
from torch import Tensor

from mlgym_core.checkpoints.contents import Frozen, Ready

_ALIGNMENT = 64
_ROOM_TO_GROW = 4096
"""Bytes by which a header may grow until its file needs new memory: numbers in it get longer."""

_ENCODER = msgspec.json.Encoder()

_Entry: TypeAlias = tuple[str, torch.dtype, torch.Size]
_Extent: TypeAlias = tuple[int, int]
"""Where something begins and ends, in bytes."""


class TensorFile(NamedTuple):
    """What a safetensors file is to hold: tensors by name, and what stands about them in its header."""

    tensors: Mapping[str, Tensor]
    metadata: dict[str, str] | None = None


class HostBuffers:
    """Memory of the host for copies of state. A copy's memory is used again when nobody holds the copy any more."""

    def __init__(self) -> None:
        self._free: list[_Block] = []
        self._layouts: dict[tuple[_Entry, ...], _Layout] = {}

    def freeze(self, files: Mapping[str, TensorFile]) -> dict[str, Frozen]:
        """The bytes of safetensors files as their tensors are now; tensors that share memory come once each.

        Of what is on a GPU the copy is only ordered here, and waited for where the bytes are asked for.
        """
        layouts = tuple(self._layout_of(each.tensors) for each in files.values())
        headers = [layout.header(each.metadata) for layout, each in zip(layouts, files.values(), strict=True)]
        values = [
            each.tensors[name] for layout, each in zip(layouts, files.values(), strict=True) for name in layout.names
        ]
        devices = {each.device for each in values if each.is_cuda}
        block = self._take(layouts, [len(each) for each in headers], is_pinned=bool(devices))
        if values:
            with torch.no_grad():
                torch._foreach_copy_(block.parts, values, non_blocking=bool(devices))
        copied = [torch.cuda.current_stream(device).record_event() for device in devices]
        array = block.memory.numpy()
        weakref.finalize(array, self._free.append, block).atexit = False
        frozen: dict[str, Frozen] = {}
        for name, header, (begin, end) in zip(files, headers, block.places, strict=True):
            content = array.data[begin - len(header) : end]
            content[: len(header)] = header
            frozen[name] = functools.partial(_finish, copied, content) if copied else Ready(content)
        return frozen

    def _layout_of(self, tensors: Mapping[str, Tensor]) -> _Layout:
        entries = tuple((name, each.dtype, each.shape) for name, each in tensors.items())
        layout = self._layouts.get(entries)
        if layout is None:
            layout = self._layouts[entries] = _Layout(entries)
        return layout

    def _take(self, layouts: tuple[_Layout, ...], header_sizes: Sequence[int], *, is_pinned: bool) -> _Block:
        for number, each in enumerate(self._free):
            if each.layouts == layouts and each.is_pinned == is_pinned and each.has_room_for(header_sizes):
                return self._free.pop(number)
        places, needed = _arrange(layouts, header_sizes)
        fitting = [
            (each.size_bytes, number)
            for number, each in enumerate(self._free)
            if each.size_bytes >= needed and each.is_pinned == is_pinned
        ]
        if fitting:
            memory = self._free.pop(min(fitting)[1]).memory
        else:
            memory = torch.empty(needed, dtype=torch.uint8, pin_memory=is_pinned)
        return _Block(memory, layouts, places, is_pinned=is_pinned)


class _Layout:
    """Where each tensor lies in a file of some tensors, behind its header."""

    def __init__(self, entries: Iterable[_Entry]) -> None:
        # As safetensors itself orders them, so that each lies where its type may lie.
        ordered = sorted(entries, key=lambda each: (-each[1].itemsize, each[0]))
        self.names = [name for name, _, _ in ordered]
        self.places: list[tuple[int, int, torch.dtype, torch.Size]] = []
        described = {}
        end = 0
        for name, dtype, shape in ordered:
            begin, end = end, end + dtype.itemsize * shape.numel()
            self.places.append((begin, end, dtype, shape))
            described[name] = {"dtype": _name_of(dtype), "shape": list(shape), "data_offsets": [begin, end]}
        self.size_bytes = end
        self._described = _ENCODER.encode(described)[1:]

    def header(self, metadata: dict[str, str] | None) -> bytes:
        """What stands before the tensors, with `metadata` about them."""
        about = b'"__metadata__":%b' % _ENCODER.encode(metadata) if metadata else b""
        separator = b"," if about and self.names else b""
        text = b"{%b%b%b" % (about, separator, self._described)
        padded = text.ljust(-(-len(text) // _ALIGNMENT) * _ALIGNMENT)
        return len(padded).to_bytes(8, "little") + padded


class _Block:
    """Memory for some files; `places` is where the tensors of each begin and end, and `parts` are these."""

    def __init__(
        self, memory: Tensor, layouts: tuple[_Layout, ...], places: Sequence[_Extent], *, is_pinned: bool
    ) -> None:
        self.memory = memory
        self.size_bytes = len(memory)
        self.layouts = layouts
        self.is_pinned = is_pinned
        self.places = places
        ends = [0, *(end for _, end in places)]
        self._rooms = [begin - end for (begin, _), end in zip(places, ends, strict=False)]
        self.parts = [
            memory[start + begin : start + end].view(dtype).view(shape)
            for layout, (start, _) in zip(layouts, places, strict=True)
            for begin, end, dtype, shape in layout.places
        ]

    def has_room_for(self, header_sizes: Iterable[int]) -> bool:
        """Whether headers of that many bytes find room before the tensors."""
        return all(size <= room for size, room in zip(header_sizes, self._rooms, strict=True))


def _arrange(layouts: Iterable[_Layout], header_sizes: Iterable[int]) -> tuple[list[_Extent], int]:
    """Where the tensors of each file begin and end, with room for headers that grow, and how many bytes that takes."""
    places = []
    end = 0
    for layout, header_bytes in zip(layouts, header_sizes, strict=True):
        begin = -(-(end + header_bytes + _ROOM_TO_GROW) // _ALIGNMENT) * _ALIGNMENT
        end = begin + layout.size_bytes
        places.append((begin, end))
    return places, end


def _finish(copied: Iterable[torch.cuda.Event], content: memoryview) -> memoryview:
    for event in copied:
        event.synchronize()
    return content


@functools.cache
def _name_of(dtype: torch.dtype) -> str:
    """How safetensors calls a type. Raises KeyError or TypeError for one that it does not know."""
    content = save_safetensors({"": torch.empty(0, dtype=dtype)})
    name: str = json.loads(content[8:])[""]["dtype"]
    return name
