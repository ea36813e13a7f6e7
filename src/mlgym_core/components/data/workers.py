"""Processes that fetch batches ahead of training.

Owns how they start and end. They come from a forkserver: a process that is forked from one whose threads have computed
may hang, and training computes, writes checkpoints and listens in threads. They end with the training process, however
that ends.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader as TorchDataLoader

from mlgym_core.components.data.fetching import BatchKey, Fetcher
from mlgym_core.errors import BuildError
from mlgym_core.main_module import main_module_hidden

_METHOD = "forkserver"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """How many processes fetch, how many batches each keeps ready, and whether they stay between two passes."""

    num_workers: int
    prefetch_factor: int = 2
    persistent: bool = True
    pin_memory: bool = False


class WorkerPool:
    """Fetches the batches of one pass after the other; a pass that begins ends the one before."""

    def __init__(self, fetcher: Fetcher, settings: WorkerSettings) -> None:
        _refuse_main(fetcher)
        self._keys = _Keys()
        multiprocessing.get_context(_METHOD).set_forkserver_preload(["mlgym_core.components"])
        self._loader: TorchDataLoader[Any] = TorchDataLoader(
            fetcher,  # type: ignore[arg-type]  # which takes keys where torch thinks of numbers
            sampler=self._keys,
            batch_size=None,  # a key is a batch
            collate_fn=_as_it_is,
            num_workers=settings.num_workers,
            prefetch_factor=settings.prefetch_factor,
            persistent_workers=settings.persistent,
            pin_memory=settings.pin_memory and torch.cuda.is_available(),
            worker_init_fn=_end_with_parent,
            multiprocessing_context=_METHOD,
            # It draws a number at each start; from the global generator it would change the dropout after it.
            generator=torch.Generator(),
        )

    def fetch(self, keys: Iterable[BatchKey]) -> Iterator[Any]:
        """The batches of `keys` in their order.

        Raises:
            BuildError: the data, a transform or the collator cannot be sent to another process.
        """
        self._keys.keys = keys
        try:
            with main_module_hidden(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Got pickle error")  # told below, in words of ours
                batches = iter(self._loader)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise BuildError(
                f"the data cannot be sent to worker processes: {error}",
                code="MG364",
                hint="num_workers: 0, or data, transforms and collators that can be pickled",
            ) from error
        yield from batches


class _Keys(Iterable[BatchKey]):
    """The keys of the pass that begins next."""

    def __init__(self) -> None:
        self.keys: Iterable[BatchKey] = ()

    def __iter__(self) -> Iterator[BatchKey]:
        return iter(self.keys)


def _refuse_main(fetcher: Fetcher) -> None:
    for each in (fetcher.source, fetcher.collate, *fetcher.transforms):
        maker: Any = each if hasattr(each, "__qualname__") else type(each)
        if maker.__module__ == "__main__":
            raise BuildError(
                f"'{maker.__qualname__}' of the main script cannot be sent to worker processes",
                code="MG364",
                hint="num_workers: 0, or move it into a module under `imports:`",
            )


def _as_it_is(batch: Any) -> Any:
    return batch


def _end_with_parent(_worker: int) -> None:
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    # torch asks each five seconds for the parent's id, which here is the forkserver's and would never change.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGKILL)
