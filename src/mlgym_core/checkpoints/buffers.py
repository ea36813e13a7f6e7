"""Copies of tensors in host memory, laid out as the safetensors file that they become, so that they are copied once.

Owns the layout of such a file and the memory for it, which is used again: memory that is new to a process costs more
than the copy. It knows no trainer and no file's name.
"""

from __future__ import annotations

import functools
import json
import weakref
from collections.abc import Iterable, Mapping
from typing import TypeAlias

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


class HostBuffers:
    """Memory of the host for copies of state. A copy's memory is used again when nobody holds the copy any more."""

    def __init__(self) -> None:
        self._free: list[_Block] = []
        self._layouts: dict[tuple[_Entry, ...], _Layout] = {}

    def freeze(self, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> Frozen:
        """The bytes of a safetensors file of `tensors` as they are now; tensors that share memory come once each.

        Of what is on a GPU the copy is only ordered here, and waited for where the bytes are asked for.
        """
        layout = self._layout_of(tensors)
        header = layout.header(metadata)
        values = [tensors[name] for name in layout.names]
        devices = {each.device for each in values if each.is_cuda}
        block = self._take(layout, len(header), is_pinned=bool(devices))
        if block.parts:
            with torch.no_grad():
                torch._foreach_copy_(block.parts, values, non_blocking=bool(devices))
        copied = [torch.cuda.current_stream(device).record_event() for device in devices]
        array = block.memory.numpy()
        weakref.finalize(array, self._free.append, block).atexit = False
        content = array.data[block.begin - len(header) : block.begin + layout.size_bytes]
        content[: len(header)] = header
        if not copied:
            return Ready(content)

        def finished() -> memoryview:
            for event in copied:
                event.synchronize()
            return content

        return finished

    def _layout_of(self, tensors: Mapping[str, Tensor]) -> _Layout:
        entries = tuple((name, each.dtype, each.shape) for name, each in tensors.items())
        layout = self._layouts.get(entries)
        if layout is None:
            layout = self._layouts[entries] = _Layout(entries)
        return layout

    def _take(self, layout: _Layout, header_bytes: int, *, is_pinned: bool) -> _Block:
        needed = header_bytes + layout.size_bytes + _ALIGNMENT
        fitting = [
            (each.size_bytes, number)
            for number, each in enumerate(self._free)
            if each.size_bytes >= needed and each.is_pinned == is_pinned
        ]
        if not fitting:
            memory = torch.empty(needed + _ROOM_TO_GROW, dtype=torch.uint8, pin_memory=is_pinned)
            return _Block(memory, layout, is_pinned=is_pinned)
        block = self._free.pop(min(fitting)[1])
        return block if block.layout is layout else _Block(block.memory, layout, is_pinned=is_pinned)


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
    """Memory for one file; `begin` is where its tensors do, and `parts` are these."""

    def __init__(self, memory: Tensor, layout: _Layout, *, is_pinned: bool) -> None:
        self.memory = memory
        self.size_bytes = len(memory)
        self.layout = layout
        self.is_pinned = is_pinned
        # At the end of the memory, so that they stay where they are while the header grows.
        self.begin = (self.size_bytes - layout.size_bytes) // _ALIGNMENT * _ALIGNMENT
        self.parts = [
            memory[self.begin + begin : self.begin + end].view(dtype).view(shape)
            for begin, end, dtype, shape in layout.places
        ]


@functools.cache
def _name_of(dtype: torch.dtype) -> str:
    """How safetensors calls a type. Raises KeyError or TypeError for one that it does not know."""
    content = save_safetensors({"": torch.empty(0, dtype=dtype)})
    name: str = json.loads(content[8:])[""]["dtype"]
    return name
