"""Estimators as files and back by skops, without pickle; the same state gives the same bytes.

Owns the format, and which types a file may hold: those of skops and scikit-learn, and those that a configuration
trusts. It knows no trainer.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from mlgym_core.checkpoints.fitting import not_whole
from mlgym_core.errors import StoreError

UNTRUSTED, UNKNOWN = "MG352", "MG353"
"""The codes of a type that nobody trusts, and of an estimator that no file can hold."""

_FILE = "the estimator's file of a checkpoint"
_SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip file can say."""
_RECORDS, _RECORDS_WITHIN = b"'descr': [", 64
"""What the head of an array of records says, as the nodes of a tree are, and how far in that stands."""
_VALUES = ("JsonNode", "TypeNode", "FunctionNode", "DTypeNode", "TupleNode")
"""What cannot change: whether two places share one such object depends on the interpreter, not on the state."""


def dump_estimator(estimator: BaseEstimator) -> bytes:
    """A fitted estimator as a file of skops.

    Raises:
        StoreError: it holds something that skops cannot keep.
    """
    from skops import io as skops_io  # takes half a second, for which only those who keep estimators wait

    try:
        return _in_canonical_form(skops_io.dumps(estimator))
    except (TypeError, ValueError, AttributeError) as error:  # what skops raises for what it cannot keep
        raise StoreError(
            f"a checkpoint cannot hold this {type(estimator).__name__}: {error}",
            code=UNKNOWN,
            hint="keep its state in arrays and plain values",
        ) from error


def load_estimator(content: bytes, trusted: Sequence[str] = ()) -> Any:
    """The estimator that `dump_estimator` wrote; types named in `trusted` may be among it beside scikit-learn's own.

    Raises:
        StoreError: it holds a type that nobody trusts, or is no such file.
    """
    from skops import io as skops_io

    check_types(content, trusted)
    try:
        return skops_io.loads(content, trusted=skops_io.get_untrusted_types(data=content))
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, ImportError) as error:
        raise not_whole(_FILE, error) from error


def check_types(content: bytes, trusted: Sequence[str] = ()) -> None:
    """Nothing, where all types of an estimator's file are trusted.

    Raises:
        StoreError: one is not, or it is no such file.
    """
    from skops import io as skops_io

    try:
        found = skops_io.get_untrusted_types(data=content)
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise not_whole(_FILE, error) from error
    strangers = [name for name in found if name not in trusted and not _is_of_scikit_learn(name)]
    if strangers:
        raise StoreError(
            f"a checkpoint would hold the type {' and '.join(strangers)}, which is not scikit-learn's own",
            code=UNTRUSTED,
            hint=f"if you trust it: trainer: {{use: sklearn, trusted: [{', '.join(strangers)}]}}",
        )


def _is_of_scikit_learn(name: str) -> bool:
    """Whether it is a class that scikit-learn defines, and no other thing that is found in one of its modules."""
    module, _, title = name.rpartition(".")
    if not module.startswith("sklearn."):
        return False
    try:
        found = getattr(importlib.import_module(module), title)
    except (ImportError, AttributeError):
        return False
    return isinstance(found, type) and found.__module__.startswith("sklearn.")


def _in_canonical_form(content: bytes) -> bytes:
    """The file with addresses of memory and the time taken out, its arrays named after what is in them."""
    with zipfile.ZipFile(io.BytesIO(content)) as given:
        schema = json.loads(given.read(_SCHEMA))
        arrays = {name: _without_gaps(given.read(name)) for name in given.namelist() if name != _SCHEMA}
    names = {name: hashlib.sha256(each).hexdigest()[:32] + PurePath(name).suffix for name, each in arrays.items()}
    _renumber(schema, names, {})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name, each in sorted({names[old]: each for old, each in arrays.items()}.items()):
            made.writestr(zipfile.ZipInfo(name, _EPOCH), each)
        made.writestr(zipfile.ZipInfo(_SCHEMA, _EPOCH), json.dumps(schema, separators=(",", ":")))
    return buffer.getvalue()


def _renumber(node: Any, names: dict[str, str], numbers: dict[int, int]) -> None:
    """Replace in place the ids of objects by the order in which they come, and the names of arrays by `names`."""
    if isinstance(node, dict):
        loader = node.get("__loader__")
        if "__id__" in node:
            if loader in _VALUES or _is_scalar(node):
                del node["__id__"]
            else:
                node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
        if loader is not None and node.get("file") in names:
            node["file"] = names[node["file"]]
    children: Iterable[Any] = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        _renumber(child, names, numbers)


def _without_gaps(array: bytes) -> bytes:
    """The file of an array; between the fields of a record, where memory is as it was found, there are zeros."""
    if _RECORDS not in array[:_RECORDS_WITHIN]:
        return array
    found = np.load(io.BytesIO(array))
    clean = np.zeros(found.shape, found.dtype)  # zeros_like would leave the gaps as they are
    for name in found.dtype.names:
        clean[name] = found[name]
    buffer = io.BytesIO()
    np.save(buffer, clean)
    return buffer.getvalue()


def _is_scalar(node: dict[str, Any]) -> bool:
    return node.get("__loader__") == "NdArrayNode" and node.get("__class__") != "ndarray"
