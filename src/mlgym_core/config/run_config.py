"""MLgym's `run_config.yml`: what to run, in which environment, and where events go.

Owns the words of that file and their place among the settings of a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mlgym_core.config.nodes import Mapping, Node, Scalar
from mlgym_core.config.suggestions import did_you_mean
from mlgym_core.config.yaml_reader import read_yaml
from mlgym_core.errors import ConfigError, Diagnostic

_SECTIONS: dict[str, tuple[str, ...]] = {
    "run_configuration": ("type", "config"),
    "environment": ("type", "config"),
    "logging": ("websocket_logging_servers", "gs_rest_api_endpoint", "text_logging_path"),
}
_CONFIG_KEYS = {
    "run_configuration": ("num_epochs", "gs_config_path", "gridsearch_id", "num_batches_per_epoch"),
    "environment": ("process_count", "computation_device_ids"),
}
_TYPES = {
    "run_configuration": ("train", "warmstart"),
    "environment": ("multiprocessing", "main_process", "accelerate"),
}
_SETTING_OF = {
    ("run_configuration", "num_epochs"): "epochs",
    ("environment", "process_count"): "process_count",
    ("environment", "computation_device_ids"): "device_ids",
    ("logging", "websocket_logging_servers"): "servers",
    ("logging", "gs_rest_api_endpoint"): "gs_rest_api_endpoint",
    ("logging", "text_logging_path"): "text_logging_path",
}
_EXECUTOR_OF = {"multiprocessing": "processes", "main_process": "main_process"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """What the file says: `settings` are for `read_settings`; an environment it has no executor for sets none."""

    type: str
    environment: str
    gs_config_path: Path | None
    gridsearch_id: str | None
    settings: Mapping


def read_run_config(path: Path) -> RunConfig:
    """The file's content; the path of the grid search's configuration is taken relative to the file.

    Raises:
        ConfigError: it cannot be read, or holds words or values that are not understood.
    """
    reader = _Reader(read_yaml(path))
    gs_config_path = reader.text("run_configuration", "gs_config_path")
    run_config = RunConfig(
        type=reader.type_of("run_configuration"),
        environment=reader.type_of("environment"),
        gs_config_path=path.parent / gs_config_path if gs_config_path else None,
        gridsearch_id=reader.text("run_configuration", "gridsearch_id"),
        settings=reader.settings(),
    )
    if reader.diagnostics:
        raise ConfigError(reader.diagnostics)
    return run_config


class _Reader:
    """Walks the sections and collects what is wrong with them."""

    def __init__(self, tree: Mapping) -> None:
        self.diagnostics: list[Diagnostic] = []
        self._tree = tree
        self._sections: dict[str, Mapping] = {}
        self._check_keys(tree, tuple(_SECTIONS), "run_config.yml")
        for name, keys in _SECTIONS.items():
            if (section := self._mapping(tree, name)) is None:
                continue
            self._check_keys(section, keys, name)
            self._sections[name] = section
            if name in _CONFIG_KEYS and (config := self._mapping(section, "config")) is not None:
                self._check_keys(config, _CONFIG_KEYS[name], f"{name}.config")

    def type_of(self, section: str) -> str:
        types = _TYPES[section]
        node = self._sections[section].get("type") if section in self._sections else None
        if node is None:
            return types[0]
        value = node.value if isinstance(node, Scalar) else None
        if value in types:
            return str(value)
        message = f"{section} has no type {value!r}{did_you_mean(str(value), types)}"
        self._report(message, node, f"accepted: {', '.join(types)}")
        return types[0]

    def text(self, section: str, key: str) -> str | None:
        node = self._node(section, key)
        if node is None:
            return None
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return node.value
        self._report(f"{section}: {key!r} must be a string", node)
        return None

    def settings(self) -> Mapping:
        found = {name: self._node(section, key) for (section, key), name in _SETTING_OF.items()}
        entries = {name: node for name, node in found.items() if node is not None}
        environment = self._sections.get("environment")
        kind = environment.get("type") if environment is not None else None
        if isinstance(kind, Scalar) and kind.value in _EXECUTOR_OF:
            entries["executor"] = Scalar(value=_EXECUTOR_OF[str(kind.value)], place=kind.place)
        key_places = {name: node.place for name, node in entries.items()}
        return Mapping(entries=entries, key_places=key_places, place=self._tree.place)

    def _node(self, section: str, key: str) -> Node | None:
        holder = self._sections.get(section)
        if holder is not None and section in _CONFIG_KEYS:
            config = holder.get("config")
            holder = config if isinstance(config, Mapping) else None
        node = holder.get(key) if holder is not None else None
        return None if isinstance(node, Scalar) and node.value is None else node

    def _mapping(self, parent: Mapping, key: str) -> Mapping | None:
        node = parent.get(key)
        if node is not None and not isinstance(node, Mapping) and not (isinstance(node, Scalar) and node.value is None):
            self._report(f"{key!r} must be a mapping", node)
        return node if isinstance(node, Mapping) else None

    def _check_keys(self, mapping: Mapping, known: tuple[str, ...], where: str) -> None:
        for key in mapping:
            if key not in known:
                message = f"{where} has no {key!r}{did_you_mean(key, known)}"
                fault = Diagnostic(
                    code="MG232",
                    message=message,
                    place=mapping.key_place(key),
                    hint=f"accepted: {', '.join(known)}",
                )
                self.diagnostics.append(fault)

    def _report(self, message: str, node: Node, hint: str | None = None) -> None:
        self.diagnostics.append(Diagnostic(code="MG232", message=message, place=node.place, hint=hint))
