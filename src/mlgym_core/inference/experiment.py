"""A trained experiment in memory: its model, ready to predict, and the components that it was trained with.

Owns the way from samples to predictions, in batches. It must not know where the experiment was loaded from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mlgym_core.components.data.dataset import Dataset, Source
from mlgym_core.components.data.loaders import Loader
from mlgym_core.components.data.nests import move
from mlgym_core.components.outputs import concatenate
from mlgym_core.config.suggestions import did_you_mean
from mlgym_core.errors import RunError
from mlgym_core.events.projections.run_state import CheckpointState
from mlgym_core.inference.predictions import Predictions
from mlgym_core.registry import Components
from mlgym_core.training.protocols import Trainer

_BATCH_SIZE = 1024
_CPU = torch.device("cpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedExperiment:
    """An experiment as it was at `checkpoint`.

    `scores` are those of the checkpoint's epoch, by `<split>/<name>`; none where it is from within one. `components`
    are all slots of the configuration.
    """

    run_id: str
    experiment_id: int
    config: dict[str, Any]
    checkpoint: CheckpointState
    scores: Mapping[str, float]
    components: Components
    trainer: Trainer
    device: torch.device

    @property
    def model(self) -> Any:
        """The trained model: a torch module that evaluates, a fitted estimator, or what the trainer has."""
        found = getattr(self.trainer, "model", None)
        return self.components.get("model", self.trainer) if found is None else found

    @property
    def loaders(self) -> Mapping[str, Loader]:
        """The data by split, in batches."""
        loaders: Mapping[str, Loader] = self.components["loaders"]
        return loaders

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes by their number; none where they have no names."""
        return tuple(getattr(self._source, "class_names", ()))

    def encode(self, rows: Any) -> Any:
        """The model's inputs [N, ...] for raw rows: a data frame, a mapping from columns to values, or an array.

        Raises:
            BuildError: a column is missing, a value is no number, or the shape is another one.
            RunError: the data that it was trained on do not tell how rows become inputs.
        """
        if not isinstance(self._source, Dataset):
            raise RunError(
                f"data of the type {type(self._source).__name__} do not tell how rows become inputs",
                code="MG133",
                hint="give `predict` the inputs themselves, in Python",
            )
        return self._source.encode(rows)

    def predict(self, inputs: Any) -> Predictions:
        """The predictions for inputs [N, ...] as the model takes them; a table is encoded before."""
        if hasattr(inputs, "columns"):
            inputs = self.encode(inputs)
        elif isinstance(inputs, np.ndarray):
            inputs = torch.as_tensor(inputs, dtype=torch.float32 if inputs.dtype.kind == "f" else None)
        batches = torch.split(inputs, _BATCH_SIZE) if isinstance(inputs, Tensor) else [inputs]
        return self._predictions([self._raw(move(batch, self.device)) for batch in batches])

    def predict_split(self, split: str) -> Predictions:
        """The predictions for all samples of a split, in the order of the data, with their targets.

        Raises:
            RunError: there is no such split.
        """
        if split not in self.loaders:
            raise RunError(
                f"experiment {self.experiment_id} has no split {split!r}{did_you_mean(split, list(self.loaders))}",
                code="MG133",
                hint=f"it has: {', '.join(self.loaders)}; a file ends in .csv, .parquet or .npy",
            )
        loader = self.loaders[split]
        loader.to(self.device)
        raw, targets = [], []
        for inputs, target in loader.evaluation():
            raw.append(self._raw(inputs))
            targets.append(move(target, _CPU))
        return self._predictions(raw, targets)

    def _raw(self, inputs: Any) -> Any:
        with torch.inference_mode():
            return move(self.trainer.predict(inputs), _CPU)

    def _predictions(self, raw: Sequence[Any], targets: Sequence[Any] | None = None) -> Predictions:
        return Predictions(
            raw=concatenate(raw),
            task=self._loader.task,
            scale=self.trainer.output_scale,
            classes=self.classes,
            target=None if targets is None else concatenate(targets),
        )

    @property
    def _loader(self) -> Loader:
        return self.loaders[self.trainer.split]

    @property
    def _source(self) -> Source:
        return self._loader.source
