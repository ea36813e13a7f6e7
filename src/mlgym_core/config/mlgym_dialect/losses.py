"""MLgym's losses in the native dialect, wherever they stand: what is trained on, what is evaluated, a term of a sum."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlgym_core.config.mlgym_dialect.context import Context, alternatives, component_node, mapping_node
from mlgym_core.config.mlgym_dialect.faults import MALFORMED, NOT_AVAILABLE
from mlgym_core.config.mlgym_dialect.rewrite import over
from mlgym_core.config.nodes import Node, Scalar, Sequence

_FRAME = ("key", "tag", "prediction_subscription_key", "target_subscription_key")
_AVERAGED = "average_batch_loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """What a loss of MLgym is called here, the words of its own, and how it is reduced where it is averaged or not."""

    use: str
    own: tuple[str, ...] = ()
    averaged: str | None = None
    is_averaged: bool = True
    renamed: dict[str, str] = field(default_factory=dict)


_LP = _Words(use="lp", own=(_AVERAGED, "class_selection_fun_params"), renamed={"root": "root", "exponent": "exponent"})
_SUM = "MultiLoss"
_LOSSES = {
    "CrossEntropyLoss": _Words(use="cross_entropy", own=(_AVERAGED,)),
    "BCEWithLogitsLoss": _Words(use="bce_with_logits", own=(_AVERAGED, "flatten_predictions"), averaged="batchmean"),
    "BCELoss": _Words(use="bce", own=(_AVERAGED, "flatten_predictions"), averaged="batchmean"),
    "NLLLoss": _Words(use="cross_entropy", own=(_AVERAGED,), is_averaged=False),
    "LPLoss": _LP,
    "LPPredictionLoss": _LP,
    _SUM: _Words(use="sum", own=("loss_terms", "loss_weights", "scalers")),
}
"""MLgym's NLLLoss applies log-softmax, which makes it a cross entropy, and never averages over a batch. Its averages
of binary losses are over samples, of sums over their outputs."""
_SCALERS = ("MeanScaler", "NoScaler")
_CALIBRATING_BATCHES = 100
"""MLgym scales by a mean that warm-up batches give; here so many first batches do."""


def lower_loss(loss: Node, context: Context) -> Node:
    """One entry in MLgym's words for losses as a native loss, named after its tag.

    A key in lower case is a loss that is registered here, with its own arguments beside the key.
    """
    entries = context.fields_of_any(loss)
    if "key" not in entries:
        context.faults.malformed("a loss", "{key: LOSS, tag: NAME}", loss)
        return loss
    keys = [each.value if isinstance(each, Scalar) else None for each in alternatives(entries["key"])]
    if not any(is_native(key) for key in keys):
        known = {word for key in keys if (words := _LOSSES.get(str(key))) for word in (*words.own, *words.renamed)}
        context.fields(loss, "a loss", (*_FRAME, *sorted(known)))

    def named(key: Node) -> Node:
        name = key.value if isinstance(key, Scalar) else None
        if is_native(name):
            own = {word: node for word, node in entries.items() if word not in _FRAME}
            return component_node(key, mapping_node(own, loss.place), name=entries.get("tag"))
        use = context.name(key, "loss", {word: each.use for word, each in _LOSSES.items()})
        words = _LOSSES.get(str(name))
        return component_node(use, None, **_arguments(words, entries, context)) if words else use

    return over(entries["key"], named)


def is_native(name: object) -> bool:
    """Whether a name is one of this project's or of a user's own component: MLgym's have capital letters."""
    return isinstance(name, str) and name.islower()


def _arguments(words: _Words, entries: dict[str, Node], context: Context) -> dict[str, Node | None]:
    arguments: dict[str, Node | None] = {"name": entries.get("tag")}
    if selection := entries.get("class_selection_fun_params"):
        hint = "filter the data, or register a loss of your own that selects its samples"
        context.faults.add(NOT_AVAILABLE, "a loss of one class's samples is not available", selection.place, hint)
    if words.use == "sum":
        return arguments | {"terms": _terms(entries, context)}
    arguments |= {native: entries.get(word) for word, native in words.renamed.items()}
    return arguments | {"reduction": _reduction(words, entries)}


def _reduction(words: _Words, entries: dict[str, Node]) -> Node | None:
    place = entries["key"].place
    given = entries.get(_AVERAGED, Scalar(value=words.is_averaged, place=place))

    def reduced(average: Node) -> Node:
        is_averaged = not (isinstance(average, Scalar) and average.value is False)
        return Scalar(value=(words.averaged or "mean") if is_averaged else "sum", place=average.place)

    reduction = over(given, reduced)
    return None if isinstance(reduction, Scalar) and reduction.value == "mean" else reduction


def _terms(entries: dict[str, Node], context: Context) -> Node:
    place = entries["key"].place
    terms = context.items(entries.get("loss_terms"), "loss_terms")
    weights = context.items(entries.get("loss_weights"), "loss_weights") or (Scalar(value=1.0, place=place),) * len(
        terms
    )
    scalers = context.items(entries.get("scalers"), "scalers") or (Scalar(value="NoScaler", place=place),) * len(terms)
    if not terms or not len(terms) == len(weights) == len(scalers):
        message = f"{_SUM} needs loss_terms, and loss_weights and scalers as many, where they are given"
        context.faults.add(MALFORMED, message, place)
        return Sequence(items=(), place=place)
    lowered = []
    for term, weight, scaler in zip(terms, weights, scalers, strict=True):
        loss = _scaled(lower_loss(term, context), scaler, context)
        lowered.append(mapping_node({"loss": loss, "weight": weight}, term.place))
    return Sequence(items=tuple(lowered), place=place)


def _scaled(loss: Node, scaler: Node, context: Context) -> Node:
    name = scaler.value if isinstance(scaler, Scalar) else None
    if name not in _SCALERS:
        context.faults.unknown("scalers", str(name), _SCALERS, scaler.place)
    if name != "MeanScaler":
        return loss
    calibrate = Scalar(value=_CALIBRATING_BATCHES, place=scaler.place)
    return component_node(Scalar(value="scaled", place=scaler.place), None, loss=loss, calibrate=calibrate)
