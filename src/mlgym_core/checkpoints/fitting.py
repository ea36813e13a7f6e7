"""Whether the tensors of a checkpoint are those of what goes on from it. Owns the words for where they are not."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from mlgym_core.errors import StoreError

OTHER_ARCHITECTURE = "MG422"
"""The code of a checkpoint whose tensors are not those that are wanted."""


def check_fit(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], what: str = "model") -> None:
    """Nothing, where a checkpoint's tensors `found` have the names, shapes and types of those `wanted`.

    Raises:
        StoreError: names the first tensor that differs, in the order of `wanted`.
    """
    for name, tensor in wanted.items():
        if name not in found:
            _refuse(f"it has no '{name}', which is {_form(tensor)} in this {what}")
        if _form(found[name]) != _form(tensor):
            _refuse(f"its '{name}' is {_form(found[name])}, and in this {what} {_form(tensor)}")
    for name, tensor in found.items():
        if name not in wanted:
            _refuse(f"its '{name}', which is {_form(tensor)}, is not in this {what}")


def _refuse(why: str) -> None:
    raise StoreError(
        f"the checkpoint is of another architecture: {why}",
        code=OTHER_ARCHITECTURE,
        hint="go on with the configuration and the code that it was trained with",
    )


def _form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
