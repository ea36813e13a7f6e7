"""Series for charts: whole, or reduced to buckets for a budget of pixels, as typed arrays or as JSON.

Owns both forms. It must not know where the points come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from mlgym_core.events.projections.columns import Points

BINARY = "application/vnd.mlgym.series"
"""The media type of the binary form: see `encode_binary`."""

_MAGIC = b"MLS1"
_ALIGNMENT = 8


class SeriesData(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One series by rising epoch: `values` where it is whole, else `min`, `max` and `last` of each bucket.

    The epoch of a bucket is that of its last point; null stands for no value.
    """

    experiment_id: int
    key: str
    num_points: int
    bucketed: bool
    epochs: list[int]
    values: list[float | None] | None = None
    min: list[float | None] | None = None
    max: list[float | None] | None = None
    last: list[float | None] | None = None


class SystemSeries(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What was measured of a machine under one name, as `SeriesData`; `times` are seconds since the epoch."""

    key: str
    num_points: int
    bucketed: bool
    times: list[float]
    values: list[float | None] | None = None
    min: list[float | None] | None = None
    max: list[float | None] | None = None
    last: list[float | None] | None = None


class SystemPage(msgspec.Struct, kw_only=True):
    """Samples of a run's machine as they are after `offset` events."""

    offset: int
    series: list[SystemSeries]


class SeriesPage(msgspec.Struct, kw_only=True):
    """Series as they are after `offset` events; `num_points` counts the points or buckets that are sent."""

    offset: int
    series: list[SeriesData]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    """Points as float32 columns: `values` alone, or `min`, `max` and `last` of buckets."""

    xs: NDArray[Any]
    columns: dict[str, NDArray[np.float32]]

    @property
    def is_bucketed(self) -> bool:
        """Whether these are buckets."""
        return "last" in self.columns


Chosen: TypeAlias = Sequence[tuple[int, str, Points]]
"""Series as (experiment_id, key, points)."""


def reduce(points: Points, num_buckets: int | None) -> Reduced:
    """The points themselves where they are no more than `num_buckets`, else so many buckets of equal width at most."""
    xs, values = np.asarray(points.xs), np.asarray(points.values)
    with np.errstate(over="ignore"):  # beyond float32 a value is drawn as infinite
        values_f32 = values.astype(np.float32)
    if num_buckets is None or len(xs) <= num_buckets:
        return Reduced(xs=xs, columns={"values": values_f32})
    offsets = (xs - xs[0]).astype(np.float64)
    bucket_of = np.minimum(offsets * (num_buckets / max(offsets[-1], 1e-300)), num_buckets - 1).astype(np.int64)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(bucket_of)) + 1))
    lasts = np.concatenate((starts[1:] - 1, [len(xs) - 1]))
    return Reduced(
        xs=xs[lasts],
        columns={
            "min": np.fmin.reduceat(values_f32, starts),
            "max": np.fmax.reduceat(values_f32, starts),
            "last": values_f32[lasts],
        },
    )


def encode_binary(offset: int, chosen: Chosen, num_buckets: int | None) -> bytes:
    """The binary form, little-endian throughout.

    `MLS1`, the length of the header as uint32, the header as JSON, padded with spaces so that the data begins at a
    multiple of 8. For each series the header has `start`, the byte in the data at which its columns begin: `epochs`
    as int32, then `values`, or `min`, `max` and `last`, as float32, each `num_points` long; NaN stands for no value.
    """
    described: list[dict[str, Any]] = []
    data: list[bytes] = []
    start = 0
    for experiment_id, key, points in chosen:
        reduced = reduce(points, num_buckets)
        columns = [
            reduced.xs.astype("<i4").tobytes(),
            *(each.astype("<f4").tobytes() for each in reduced.columns.values()),
        ]
        described.append(
            {
                "experiment_id": experiment_id,
                "key": key,
                "num_points": len(reduced.xs),
                "bucketed": reduced.is_bucketed,
                "start": start,
            }
        )
        data += columns
        start += sum(map(len, columns))
    header = msgspec.json.encode({"offset": offset, "series": described})
    header += b" " * (-(len(_MAGIC) + 4 + len(header)) % _ALIGNMENT)
    return b"".join((_MAGIC, len(header).to_bytes(4, "little"), header, *data))


def series_page(offset: int, chosen: Chosen, num_buckets: int | None) -> SeriesPage:
    """The same as JSON has it; whole series keep the precision that they were published with."""
    found = []
    for experiment_id, key, points in chosen:
        reduced = reduce(points, num_buckets)
        found.append(
            SeriesData(
                experiment_id=experiment_id,
                key=key,
                num_points=len(reduced.xs),
                bucketed=reduced.is_bucketed,
                epochs=reduced.xs.tolist(),
                **_as_lists(reduced, points),
            )
        )
    return SeriesPage(offset=offset, series=found)


def system_page(offset: int, columns: Sequence[tuple[str, Points]], num_buckets: int | None) -> SystemPage:
    """Samples of a machine, in the same way."""
    found = []
    for key, points in columns:
        reduced = reduce(points, num_buckets)
        found.append(
            SystemSeries(
                key=key,
                num_points=len(reduced.xs),
                bucketed=reduced.is_bucketed,
                times=reduced.xs.tolist(),
                **_as_lists(reduced, points),
            )
        )
    return SystemPage(offset=offset, series=found)


def _as_lists(reduced: Reduced, points: Points) -> dict[str, list[float | None]]:
    if not reduced.is_bucketed:
        return {"values": [*points.values]}
    return {name: column.tolist() for name, column in reduced.columns.items()}
