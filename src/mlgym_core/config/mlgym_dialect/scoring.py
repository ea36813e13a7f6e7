"""MLgym's metrics and post-processors in the native dialect: what a metric is, and what it is given."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlgym_core.config.mlgym_dialect.components import Component
from mlgym_core.config.mlgym_dialect.context import Context, alternatives, component_node, mapping_node, with_arguments
from mlgym_core.config.mlgym_dialect.faults import PREDICTIONS
from mlgym_core.config.mlgym_dialect.losses import is_native
from mlgym_core.config.mlgym_dialect.rewrite import over
from mlgym_core.config.nodes import Mapping, Node, Scalar, Sequence, to_plain

Chain = tuple[Mapping, ...]
"""The post-processing of predictions, as native components; none for the outputs of the model."""

_FRAME = ("key", "tag", "params", "target_subscription_key", "prediction_subscription_key")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Words:
    """What a metric of MLgym is called here, and its own words with what they are called."""

    use: str
    renamed: dict[str, str] = field(default_factory=dict)
    subscriptions: tuple[str, ...] = ()
    of_labels: bool = False


_RECALL = {"k_vals": "k", "class_label": "class_label", "sort_descending": "descending"}
_ECE = {"num_bins": "num_bins", "class_label": "class_label", "sum_up_bins": "sum_up_bins"}
_METRICS = {
    "F1_SCORE": _Words(use="f1", of_labels=True),
    "ACCURACY": _Words(use="accuracy", of_labels=True),
    "BALANCED_ACCURACY": _Words(use="balanced_accuracy", of_labels=True),
    "RECALL": _Words(use="recall", of_labels=True),
    "PRECISION": _Words(use="precision", of_labels=True),
    "AUROC": _Words(use="roc_auc"),
    "AUPR": _Words(use="average_precision"),
    "BRIER_SCORE": _Words(use="brier"),
    "RECALL_AT_K": _Words(use="recall_at", renamed=_RECALL),
    "AREA_UNDER_RECALL_AT_K": _Words(use="area_under_recall_at", renamed={**_RECALL, "normalize": "normalize"}),
    "EXPECTED_CALIBRATION_ERROR": _Words(use="ece", renamed=_ECE),
    "BINARY_CLASSWISE_EXPECTED_CALIBRATION_ERROR": _Words(
        use="classwise_ece",
        renamed={"num_bins": "num_bins", "class_labels": "class_labels"},
        subscriptions=("prediction_subscription_key_0", "prediction_subscription_key_1"),
    ),
}
_POST_PROCESSORS = {
    "ARG_MAX": "argmax",
    "BINARIZATION": "binarization",
    "SOFT_MAX": "softmax",
    "SIGMOIDAL": "sigmoid",
    "MIN_OR_MAX": "min_or_max",
    "DUMMY": "",
}
"""DUMMY publishes nothing."""
_OF_POST_PROCESSORS = {"threshold": "threshold", "agg_fun": "which"}
_MAKE_LABELS = (("argmax",), ("binarization",))
"""The last steps that make labels."""
_FORMS = {(): "values", ("argmax",): "labels", ("softmax", "argmax"): "labels", ("softmax",): "probabilities"}
"""Chains that are a form of outputs by its own name."""


def published_predictions(component: Component, post_processors: Node | None, context: Context) -> dict[str, Chain]:
    """By the key that they are published under: the steps that make predictions of the model's outputs."""
    model = context.required(component, "model") or context.first("MODEL")
    own = model.config.get("prediction_publication_keys") if model and isinstance(model.config, Mapping) else None
    published: dict[str, Chain] = {str(to_plain(key)): () for key in context.fields_of_any(own).values()}
    for node in context.items(post_processors, "post_processors_config"):
        words = ("prediction_subscription_key", "prediction_publication_key", *_OF_POST_PROCESSORS)
        entries = context.fields(node, "a post-processor", ("key", "params", "applicable_splits", *words))
        if "key" not in entries:
            context.faults.malformed("a post-processor", "{key: NAME, prediction_publication_key: NAME}", node)
            continue
        entries |= context.fields_of_any(entries.get("params"))
        use = context.name(entries["key"], "post-processor", _POST_PROCESSORS)
        if "prediction_publication_key" in entries and isinstance(use, Scalar) and use.value:
            arguments = {native: entries[word] for word, native in _OF_POST_PROCESSORS.items() if word in entries}
            before = published.get(str(to_plain(entries.get("prediction_subscription_key", use))), ())
            step = component_node(use, mapping_node(arguments, node.place))
            published[str(to_plain(entries["prediction_publication_key"]))] = (*before, step)
    return published


def lower_metric(metric: Node, published: dict[str, Chain], context: Context) -> Node:
    """One entry of `metrics_config` as a native metric, named after its tag.

    A key in lower case is a metric that is registered here, with its own arguments in `params`.
    """
    entries = context.fields_of_any(metric)
    if "key" not in entries:
        context.faults.malformed("a metric", "{key: METRIC, tag: NAME}", metric)
        return metric
    keys = [each.value if isinstance(each, Scalar) else None for each in alternatives(entries["key"])]
    known = {
        word for key in keys if (words := _METRICS.get(str(key))) for word in (*words.renamed, *words.subscriptions)
    }
    context.fields(metric, "a metric", (*_FRAME, *sorted(known)))

    def named(key: Node) -> Node:
        name = key.value if isinstance(key, Scalar) else None
        words = _METRICS.get(str(name))
        use = (
            key if is_native(name) else context.name(key, "metric", {word: each.use for word, each in _METRICS.items()})
        )
        renamed = words.renamed if words else {}
        more = {native: entries.get(word) for word, native in renamed.items()}
        more |= _given(str(name), words, entries, published, context) | {"name": entries.get("tag")}
        return with_arguments(entries.get("params"), lambda parameters: component_node(use, parameters, **more))

    return over(entries["key"], named)


def is_raw(subscription: Node, published: dict[str, Chain]) -> bool:
    """Whether a key stands for the model's own outputs, as it does where nobody publishes it."""
    return not published.get(str(to_plain(subscription)))


def _given(
    metric: str, words: _Words | None, entries: dict[str, Node], published: dict[str, Chain], context: Context
) -> dict[str, Node | None]:
    """What a metric is given, by the key that it subscribes to; nothing where a fault hides it, or it says none."""
    keys = ("prediction_subscription_key", *(words.subscriptions if words else ()))
    subscription = next((entries[key] for key in keys if key in entries), None)
    if subscription is None:
        return {}
    key = str(to_plain(subscription))
    if key not in published:
        context.faults.unknown("this evaluation", key, published, subscription.place)
        return {}
    chain = published[key]
    steps = tuple(str(to_plain(step["use"])) for step in chain)
    is_known = all(step in _POST_PROCESSORS.values() for step in steps)
    if words and words.of_labels and is_known and steps[-1:] not in _MAKE_LABELS:
        hint = "let it read what ARG_MAX or BINARIZATION publishes"
        held = "probabilities" if steps else "the outputs of the model"
        message = f"{metric} compares labels, but '{key}' holds {held}"
        context.faults.add(PREDICTIONS, message, subscription.place, hint)
    form = _FORMS.get(steps)
    if form is not None:
        return {"given": Scalar(value=form, place=subscription.place)}
    return {"post_processing": Sequence(items=chain, place=subscription.place)}
