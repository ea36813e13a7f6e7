"""Facts of an attempt that goes over ground that an earlier one covered: each of them is told once.

Owns what is held back and what is said where it is not as before. It knows neither training nor where facts go.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from mlgym_core.events.codec import decode_event, encode_event
from mlgym_core.events.projections.positions import (
    Known,
    checkpoint_position,
    progress_position,
    result_position,
)
from mlgym_core.events.spool import Publisher
from mlgym_core.events.types import (
    EVENT_TYPES,
    Checkpoint,
    CheckpointDeleted,
    CheckpointSaved,
    Divergence,
    EvaluationResult,
    ExperimentDescribed,
    ExperimentStatus,
    Payload,
)


class Repeating:
    """A `Publisher` that lets through what `known` does not have, and tells where a repeated fact differs."""

    def __init__(self, publisher: Publisher, known: Known) -> None:
        self._publisher = publisher
        self._known = known

    def publish(self, payload: Payload) -> None:
        """Publishes a fact without position or of a new one, and a `Divergence` for one whose content is another."""
        known = self._known
        match payload:
            case EvaluationResult():
                self._publish_once(payload, result_position(payload), known.results)
            case CheckpointSaved():
                self._publish_once(payload, checkpoint_position(payload), known.saved)
            case CheckpointDeleted():
                self._publish_once(payload, checkpoint_position(payload), known.deleted)
            case ExperimentDescribed() if known.is_described:
                pass
            case ExperimentStatus() if known.progress is not None and progress_position(payload) <= known.progress:
                pass
            case _:
                self._publisher.publish(payload)

    def _publish_once(
        self, payload: EvaluationResult | Checkpoint, position: tuple[Any, ...], known: Mapping[Any, Payload]
    ) -> None:
        stored = known.get(position)
        if stored is None:
            self._publisher.publish(payload)
            return
        # As the log has it: there, a score that is no finite number is null, with a flag.
        event = decode_event(encode_event(payload))
        if event is None or event.payload == stored:
            return
        key = "/".join(str(each) for each in (EVENT_TYPES[type(payload)], *position) if each is not None)
        self._publisher.publish(
            Divergence(
                grid_search_id=payload.grid_search_id,
                experiment_id=payload.experiment_id,
                key=key,
                stored=msgspec.to_builtins(stored),
                repeated=msgspec.to_builtins(event.payload),
            )
        )
