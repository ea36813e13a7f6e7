"""What a file of a checkpoint holds: bytes that are there, or that are made where nobody waits for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

Content: TypeAlias = bytes | memoryview
"""What a file holds, or a part of it."""
Frozen: TypeAlias = Callable[[], Content]
"""The bytes of a file as its state was when this was made; it may be called later, once, in another thread."""


class Ready:
    """A `Frozen` whose bytes are there already, so that calling it takes no time."""

    __slots__ = ("_content",)

    def __init__(self, content: Content) -> None:
        self._content = content

    def __call__(self) -> Content:
        """The bytes."""
        return self._content

    def __len__(self) -> int:
        return len(self._content)
