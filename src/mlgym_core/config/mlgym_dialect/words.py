"""MLgym 0.0.75's vocabulary as tables: which words there are, and what each is called in the native dialect."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass, field

ITERATORS = ("DATASET_ITERATORS", "SPLITTED_DATASET_ITERATORS", "IN_MEMORY_DATASET_ITERATORS")
"""Component types that give a data set for each split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """A requirement: the types that may answer it, and whether MLgym cannot do without it."""

    types: tuple[str, ...]
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentWords:
    """What may stand in a component of one type."""

    variants: tuple[str, ...] = ("DEFAULT",)
    config: tuple[str, ...] = ()
    requirements: AbstractMapping[str, Needed] = field(default_factory=dict)


def _registry(component_type: str) -> Needed:
    return Needed(types=(component_type,), required=False)


_LOSSES = {"loss_function_registry": _registry("LOSS_FUNCTION_REGISTRY")}
_POST_PROCESSORS = {"prediction_postprocessing_registry": _registry("PREDICTION_POSTPROCESSING_REGISTRY")}

COMPONENT_TYPES: dict[str, ComponentWords] = {
    "DATASET_REPOSITORY": ComponentWords(config=("storage_connector_path",)),
    "DATASET_ITERATORS": ComponentWords(
        config=("dataset_identifier", "split_configs"),
        requirements={"repository": Needed(types=("DATASET_REPOSITORY",), required=False)},
    ),
    "SPLITTED_DATASET_ITERATORS": ComponentWords(
        variants=("RANDOM",),
        config=("split_configs", "seed", "stratified"),
        requirements={"iterators": Needed(types=ITERATORS)},
    ),
    "IN_MEMORY_DATASET_ITERATORS": ComponentWords(requirements={"iterators": Needed(types=ITERATORS)}),
    "DATA_COLLATOR": ComponentWords(config=("collator_type", "collator_params")),
    "DATA_LOADER": ComponentWords(
        variants=("DEFAULT", "FUTURE"),
        config=(
            "batch_size",
            "weigthed_sampling_split_name",
            "label_pos",
            "seeds",
            "sampling_strategies",
            "drop_last",
        ),
        requirements={
            "iterators": Needed(types=ITERATORS),
            "data_collator": Needed(types=("DATA_COLLATOR",), required=False),
        },
    ),
    "MODEL_REGISTRY": ComponentWords(),
    "MODEL": ComponentWords(
        config=("model_definition", "prediction_publication_keys", "seed"),
        requirements={"model_registry": Needed(types=("MODEL_REGISTRY",))},
    ),
    "OPTIMIZER": ComponentWords(
        variants=("DEFAULT", "BUNDLE"),
        config=("optimizer_key", "params", "optimizers_config", "optimizer_key_to_param_key_filters"),
    ),
    "LR_SCHEDULER": ComponentWords(config=("lr_scheduler_key", "params")),
    "LOSS_FUNCTION_REGISTRY": ComponentWords(),
    "METRIC_REGISTRY": ComponentWords(),
    "PREDICTION_POSTPROCESSING_REGISTRY": ComponentWords(),
    "TRAIN_COMPONENT": ComponentWords(
        config=("loss_fun_config", "post_processors_config", "show_progress"),
        requirements={**_LOSSES, **_POST_PROCESSORS},
    ),
    "TRAINER": ComponentWords(
        requirements={
            "train_component": Needed(types=("TRAIN_COMPONENT",)),
            "model": Needed(types=("MODEL",), required=False),
            "data_loaders": Needed(types=("DATA_LOADER",)),
        },
    ),
    "EVAL_COMPONENT": ComponentWords(
        config=(
            "train_split_name",
            "metrics_config",
            "loss_funs_config",
            "post_processors_config",
            "show_progress",
            "cpu_target_subscription_keys",
            "cpu_prediction_subscription_keys",
            "metrics_computation_config",
            "loss_computation_config",
        ),
        requirements={
            "model": Needed(types=("MODEL",), required=False),
            "data_loaders": Needed(types=("DATA_LOADER",)),
            "metric_registry": _registry("METRIC_REGISTRY"),
            **_LOSSES,
            **_POST_PROCESSORS,
        },
    ),
    "EVALUATOR": ComponentWords(requirements={"eval_component": Needed(types=("EVAL_COMPONENT",))}),
    "EARLY_STOPPING_STRATEGY_REGISTRY": ComponentWords(),
    "EARLY_STOPPING_STRATEGY": ComponentWords(
        config=("early_stopping_key", "early_stopping_config"),
        requirements={"early_stopping_strategy_registry": _registry("EARLY_STOPPING_STRATEGY_REGISTRY")},
    ),
    "CHECKPOINTING_STRATEGY_REGISTRY": ComponentWords(),
    "CHECKPOINTING_STRATEGY": ComponentWords(
        config=("checkpointing_key", "checkpointing_config"),
        requirements={"checkpointing_strategy_registry": _registry("CHECKPOINTING_STRATEGY_REGISTRY")},
    ),
}
"""The component types that can be lowered."""

SLOTS = {
    "DATASET_ITERATORS": "data",
    "SPLITTED_DATASET_ITERATORS": "splits",
    "DATA_COLLATOR": "collator",
    "DATA_LOADER": "loaders",
    "MODEL": "model",
    "OPTIMIZER": "optimizer",
    "LR_SCHEDULER": "lr_scheduler",
    "TRAIN_COMPONENT": "loss",
    "TRAINER": "trainer",
    "EVAL_COMPONENT": "metrics",
    "EVALUATOR": "evaluator",
    "EARLY_STOPPING_STRATEGY": "early_stopping",
    "CHECKPOINTING_STRATEGY": "checkpointing",
}
"""The native slot of the first component of a type; it is the slot's kind too, but for metrics."""
SEVERAL = frozenset({"DATASET_ITERATORS", "SPLITTED_DATASET_ITERATORS", "IN_MEMORY_DATASET_ITERATORS"})
"""The types that a file may have several components of; of registries it may, too."""

_OWN_DATA = "prepare the data in a component of your own, @register('data', NAME), and name it as dataset_identifier"
NOT_AVAILABLE_TYPES: dict[str, str] = {
    "COMBINED_DATASET_ITERATORS": _OWN_DATA,
    "SHUFFLED_DATASET_ITERATORS": "leave it out: DATA_LOADER draws a new order of the training split for each epoch",
    "FILTERED_LABELS_ITERATOR": _OWN_DATA,
    "ONE_HOT_ENCODED_TARGETS_ITERATOR": _OWN_DATA,
    "ITERATOR_VIEW": _OWN_DATA,
    "MAPPED_LABELS_ITERATOR": _OWN_DATA,
    "FEATURE_ENCODED_ITERATORS": _OWN_DATA,
}
"""Component types of MLgym that have no native counterpart yet, and what to do instead."""

METRICS = {
    "F1_SCORE": "f1",
    "ACCURACY": "accuracy",
    "BALANCED_ACCURACY": "balanced_accuracy",
    "RECALL": "recall",
    "PRECISION": "precision",
    "AUROC": "roc_auc",
    "AUPR": "average_precision",
    "BRIER_SCORE": "brier",
}
NOT_AVAILABLE_METRICS = (
    "RECALL_AT_K",
    "AREA_UNDER_RECALL_AT_K",
    "EXPECTED_CALIBRATION_ERROR",
    "BINARY_CLASSWISE_EXPECTED_CALIBRATION_ERROR",
)
LABEL_METRICS = frozenset({"F1_SCORE", "ACCURACY", "BALANCED_ACCURACY", "RECALL", "PRECISION"})
"""Metrics that compare labels, so that their predictions must have been through ARG_MAX or BINARIZATION."""

LOSSES = {
    "CrossEntropyLoss": "cross_entropy",
    "BCEWithLogitsLoss": "bce_with_logits",
    "BCELoss": "bce",
    "NLLLoss": "cross_entropy",
}
"""MLgym applies log-softmax in its NLLLoss, which makes it a cross entropy."""
NOT_AVAILABLE_LOSSES = ("LPLoss", "LPPredictionLoss")

PREDICTION_FORMS = {
    "ARG_MAX": "labels",
    "BINARIZATION": "labels",
    "SOFT_MAX": "probabilities",
    "SIGMOIDAL": "probabilities",
    "DUMMY": "",
}
"""What each post-processor makes of predictions; DUMMY publishes nothing."""
NOT_AVAILABLE_POST_PROCESSORS = ("MIN_OR_MAX",)

SAMPLINGS = {"RANDOM": "random", "WEIGHTED_RANDOM": "weighted", "IN_ORDER": "in_order"}
EARLY_STOPPINGS = {"LAST_K_EPOCHS_IMPROVEMENT_STRATEGY": "last_k_epochs_improvement"}
EARLY_STOPPING_WORDS = (
    "min_relative_improvement",
    "epochs_window",
    "split_name",
    "monitoring_key",
    "is_increase_task",
)
CHECKPOINTINGS = {
    "SAVE_LAST_EPOCH_ONLY_CHECKPOINTING_STRATEGY": "last_epoch",
    "SAVE_MOST_RECENT_EPOCH_ONLY_CHECKPOINTING_STRATEGY": "last_epoch",
    "SAVE_ALL_CHECKPOINTING_STRATEGY": "every_epoch",
}
