"""MNIST and all that is stored as it is: images and labels in IDX files. Owns that format alone."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlgym_core.components.data.dataset import Dataset
from mlgym_core.components.data.encoding import Encoding
from mlgym_core.components.data.reading import MISFIT, UNREADABLE, reading
from mlgym_core.errors import BuildError
from mlgym_core.registry import register

_UNSIGNED_BYTES = 8
_PREFIXES = {"train": "train", "test": "t10k"}


@register("data", "mnist")
def mnist(folder: Path, flatten: bool = False) -> dict[str, Dataset]:
    """Grey images in MNIST's files, [1, H, W] with values in 0..1, as splits `train` and `test`.

    Args:
        folder: The folder of train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
            t10k-labels-idx1-ubyte, each as it is or as .gz; relative to the configuration.
        flatten: Give each image as one row of features.

    Raises:
        BuildError: a file is not there, or is not what its name says.
    """
    images = {split: read_idx(_find(folder, f"{name}-images-idx3-ubyte"), 3) for split, name in _PREFIXES.items()}
    labels = {split: read_idx(_find(folder, f"{name}-labels-idx1-ubyte"), 1) for split, name in _PREFIXES.items()}
    prepare = _rows if flatten else _images
    num_classes = max(int(each.max(initial=0)) for each in labels.values()) + 1
    return {
        split: Dataset(
            inputs=prepare(torch.from_numpy(images[split])),
            targets=torch.from_numpy(labels[split]).long(),
            task="multiclass",
            num_classes=num_classes,
            class_names=tuple(str(each) for each in range(num_classes)),
            name=folder.name,
            encoding=Encoding(shape=images[split].shape[1:], steps=(prepare,)),
        )
        for split in _PREFIXES
    }


def _images(grey: Tensor) -> Tensor:
    return grey.unsqueeze(1).float().div_(255)


def _rows(grey: Tensor) -> Tensor:
    return _images(grey).flatten(1)


def read_idx(path: Path, num_dimensions: int) -> NDArray[np.uint8]:
    """The unsigned bytes of an IDX file, in its shape; the format is described on MNIST's page.

    Raises:
        BuildError: the file cannot be read, or is no such file.
    """
    opener: Any = gzip.open if path.suffix == ".gz" else open
    with reading(path), opener(path, "rb") as file:
        content: bytes = file.read()
    header_size = 4 + 4 * num_dimensions
    if len(content) < header_size or content[:4] != bytes([0, 0, _UNSIGNED_BYTES, num_dimensions]):
        raise BuildError(f"{path} is no IDX file of bytes in {num_dimensions} dimensions", code=MISFIT)
    shape = tuple(np.frombuffer(content, dtype=">u4", count=num_dimensions, offset=4).tolist())
    if len(content) - header_size != int(np.prod(shape)):
        raise BuildError(
            f"{path} says that it holds {int(np.prod(shape))} values, but it holds {len(content) - header_size}",
            code=MISFIT,
            hint="it may have been cut off: fetch it again",
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header_size).reshape(shape).copy()


def _find(folder: Path, name: str) -> Path:
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    raise BuildError(
        f"there is no {name} nor {name}.gz in {folder}",
        code=UNREADABLE,
        hint="put MNIST's four files there, or name another `folder`",
    )
