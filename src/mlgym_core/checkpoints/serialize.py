"""State dicts as bytes and back, without pickle: tensors as safetensors, the rest as JSON in its header.

Owns the format. The same state gives the same bytes. It knows no trainer and no file.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from types import NoneType
from typing import Any

import msgspec
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor

from mlgym_core.checkpoints.buffers import HostBuffers, TensorFile
from mlgym_core.checkpoints.contents import Content
from mlgym_core.checkpoints.fitting import CUT_SHORT, RESTORE
from mlgym_core.errors import StoreError

UNKNOWN = "MG410"
"""The code of a value that no checkpoint can hold."""

_STATE = "state"
_MARK = "$"
"""A mapping with one key that begins so stands for something that JSON does not have."""
_AS_IT_IS = frozenset({str, int, bool, NoneType})
_ENCODER = msgspec.json.Encoder()


def tensor_file(tensors: Mapping[str, Tensor]) -> TensorFile:
    """A model's state under its own names.

    Raises:
        StoreError: there is something else in it, as a module's extra state may be.
    """
    other = next((name for name, value in tensors.items() if not isinstance(value, Tensor)), None)
    if other is not None:
        raise StoreError(
            f"'{other}' of a model's state is no tensor but a {type(tensors[other]).__name__}",
            code=UNKNOWN,
            hint="keep it in a buffer",
        )
    return TensorFile(tensors)


def load_tensors(content: Content) -> dict[str, Tensor]:
    """What a file of tensors holds, on the CPU. Raises StoreError where it is not whole."""
    try:
        return load_safetensors(bytes(content))
    except (SafetensorError, ValueError) as error:
        raise _cut_short(error) from error


def state_file(state: Any) -> TensorFile:
    """Any nest of dicts, lists, tuples, tensors and plain values: the tensors as safetensors, the rest in its header.

    Raises:
        StoreError: it holds something else.
    """
    tensors: dict[str, Tensor] = {}
    rest = _encode(state, tensors)
    return TensorFile(tensors, {_STATE: _to_json(rest).decode()})


def load_state(content: Content) -> Any:
    """What a file of `state_file` holds, tensors on the CPU. Raises StoreError where it is not whole."""
    tensors = load_tensors(content)
    header = json.loads(bytes(content[8 : 8 + int.from_bytes(content[:8], "little")]))
    return _decode(json.loads(header["__metadata__"][_STATE]), tensors)


def dump_state(state: Any) -> bytes:
    """The bytes of a file of `state_file`, of memory of their own."""
    return bytes(HostBuffers().freeze({_STATE: state_file(state)})[_STATE]())


def dump_json(state: Any) -> bytes:
    """Any nest of dicts, lists, tuples, bytes and plain values as JSON.

    Raises:
        StoreError: it holds something else, such as a tensor.
    """
    tensors: dict[str, Tensor] = {}
    rest = _encode(state, tensors)
    if tensors:
        raise StoreError("this state must not hold tensors", code=UNKNOWN)
    return _to_json(rest)


def load_json(content: bytes) -> Any:
    """What `dump_json` wrote."""
    return _decode(json.loads(content), {})


def _cut_short(error: Exception) -> StoreError:
    return StoreError(f"it is no whole file of tensors: {error}", code=CUT_SHORT, hint=RESTORE)


def _to_json(value: Any) -> bytes:
    try:
        return _ENCODER.encode(value)
    except (TypeError, UnicodeEncodeError):  # a number or text of a class of its own; text that is no Unicode
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _encode(value: Any, tensors: dict[str, Tensor]) -> Any:
    kind = type(value)  # asked first: it answers for nearly all, and isinstance takes several times as long
    if kind in _AS_IT_IS:
        return value
    if kind is dict:
        return _encode_mapping(value, tensors)
    if isinstance(value, Tensor):
        name = f"{len(tensors):06d}"
        tensors[name] = value
        return {f"{_MARK}tensor": name}
    if isinstance(value, float):
        return value if math.isfinite(value) else {f"{_MARK}float": str(value)}
    if isinstance(value, bytes):
        return {f"{_MARK}bytes": base64.b64encode(value).decode()}
    if isinstance(value, tuple):
        return {f"{_MARK}tuple": [_encode(item, tensors) for item in value]}
    if isinstance(value, list):
        return [_encode(item, tensors) for item in value]
    if isinstance(value, Mapping):
        return _encode_mapping(value, tensors)
    if value is None or isinstance(value, str | int):
        return value
    raise StoreError(
        f"a checkpoint cannot hold a value of the type {type(value).__name__}",
        code=UNKNOWN,
        hint="a state dict may hold tensors, numbers, strings, lists, tuples and dicts",
    )


def _encode_mapping(value: Mapping[Any, Any], tensors: dict[str, Tensor]) -> Any:
    for key in value:
        if not isinstance(key, str) or key[:1] == _MARK:
            break
    else:
        return {k: each if type(each) in _AS_IT_IS else _encode(each, tensors) for k, each in value.items()}
    return {f"{_MARK}items": [[_encode(key, tensors), _encode(item, tensors)] for key, item in value.items()]}


def _decode(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    if isinstance(value, list):
        return [_decode(item, tensors) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, inner),) = value.items()
        if key.startswith(_MARK):
            return _decode_marked(key.removeprefix(_MARK), inner, tensors)
    return {key: _decode(item, tensors) for key, item in value.items()}


def _decode_marked(mark: str, inner: Any, tensors: Mapping[str, Tensor]) -> Any:
    match mark:
        case "float":
            return float(inner)
        case "tensor":
            return tensors[inner]
        case "bytes":
            return base64.b64decode(inner)
        case "tuple":
            return tuple(_decode(item, tensors) for item in inner)
        case "items":
            return {_decode(key, tensors): _decode(item, tensors) for key, item in inner}
    raise StoreError(f"a checkpoint holds '{_MARK}{mark}', which this version does not know", code=UNKNOWN)
