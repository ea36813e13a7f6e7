"""Whether the files of a checkpoint are whole, and those of what goes on from it. Owns the words for where not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from torch import Tensor

from mlgym_core.errors import StoreError

CUT_SHORT = "MG420"
"""The code of a file of a checkpoint that is not whole."""
OTHER_ARCHITECTURE = "MG422"
"""The code of a checkpoint whose state is not that of what would go on from it."""
RESTORE = "restore it from a copy, or remove the folder of this checkpoint to go on from an earlier one"
TRAINED_WITH = "go on with the configuration and the code that it was trained with"

T = TypeVar("T")


def not_whole(what: str, why: object) -> StoreError:
    """The error of a file of a checkpoint that cannot be read."""
    return StoreError(f"{what} is not whole: {why}", code=CUT_SHORT, hint=RESTORE)


def of_another(why: str) -> StoreError:
    """The error of a checkpoint of another model, or of one that was built otherwise."""
    return StoreError(f"the checkpoint is of another architecture: {why}", code=OTHER_ARCHITECTURE, hint=TRAINED_WITH)


def read_whole(load: Callable[[str], bytes], file: str, parse: Callable[[bytes], T]) -> T:
    """What stands in a file of a checkpoint. Raises StoreError, which names it, where it is not whole."""
    content = load(file)
    try:
        return parse(content)
    except (StoreError, ValueError, KeyError) as error:
        reason = error.message if isinstance(error, StoreError) else f"{type(error).__name__}: {error}"
        raise not_whole(f"{file} of the checkpoint", reason) from error


def check_fit(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], what: str = "model") -> None:
    """Nothing, where a checkpoint's tensors `found` have the names, shapes and types of those `wanted`.

    Raises:
        StoreError: names the first tensor that differs, in the order of `wanted`.
    """
    for name, tensor in wanted.items():
        if name not in found:
            raise of_another(f"it has no '{name}', which is {_form(tensor)} in this {what}")
        if _form(found[name]) != _form(tensor):
            raise of_another(f"its '{name}' is {_form(found[name])}, and in this {what} {_form(tensor)}")
    for name, tensor in found.items():
        if name not in wanted:
            raise of_another(f"its '{name}', which is {_form(tensor)}, is not in this {what}")


def _form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
