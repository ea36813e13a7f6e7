"""MLgym 0.0.75's vocabulary as tables: which words there are, and what each is called in the native dialect."""

from __future__ import annotations

from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass, field

KIND_OF_DERIVED = {
    "COMBINED_DATASET_ITERATORS": "splits",
    "IN_MEMORY_DATASET_ITERATORS": "splits",
    "SHUFFLED_DATASET_ITERATORS": "splits",
    "FILTERED_LABELS_ITERATOR": "splits",
    "MAPPED_LABELS_ITERATOR": "splits",
    "ONE_HOT_ENCODED_TARGETS_ITERATOR": "splits",
    "FEATURE_ENCODED_ITERATORS": "features",
    "ITERATOR_VIEW": "splits",
}
"""Component types that make data sets of data sets, with their native kind; their slot has the component's name."""
ITERATORS = ("DATASET_ITERATORS", "SPLITTED_DATASET_ITERATORS", *KIND_OF_DERIVED)
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
    free_requirements: Needed | None = None
    """What answers requirements of any other name, where there may be some."""


def _registry(component_type: str) -> Needed:
    return Needed(types=(component_type,), required=False)


_ITERATORS = {"iterators": Needed(types=ITERATORS)}
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
        requirements=_ITERATORS,
    ),
    "COMBINED_DATASET_ITERATORS": ComponentWords(
        config=("combine_configs",), free_requirements=Needed(types=ITERATORS)
    ),
    "IN_MEMORY_DATASET_ITERATORS": ComponentWords(requirements=_ITERATORS),
    "SHUFFLED_DATASET_ITERATORS": ComponentWords(config=("seeds", "applicable_splits"), requirements=_ITERATORS),
    "FILTERED_LABELS_ITERATOR": ComponentWords(
        config=("filtered_labels", "applicable_splits"), requirements=_ITERATORS
    ),
    "MAPPED_LABELS_ITERATOR": ComponentWords(config=("mappings", "applicable_splits"), requirements=_ITERATORS),
    "ONE_HOT_ENCODED_TARGETS_ITERATOR": ComponentWords(
        config=("target_vector_size", "applicable_splits"), requirements=_ITERATORS
    ),
    "FEATURE_ENCODED_ITERATORS": ComponentWords(
        config=("feature_encoding_configs", "applicable_splits"), requirements=_ITERATORS
    ),
    "ITERATOR_VIEW": ComponentWords(config=("split_indices", "view_tags", "applicable_split"), requirements=_ITERATORS),
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
SEVERAL = frozenset(ITERATORS)
"""The types that a file may have several components of; of registries it may, too."""

FEATURE_TYPES = {"categorical": "one_hot_encoder", "continuous": "standard_scaler"}
"""What each type of feature is encoded by."""
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
