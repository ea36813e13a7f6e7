"""Components by name: `@register`, signatures as schemas, references, the build graph, plug-ins.

It must not know torch, nor any component.
"""

from mlgym_core.registry.component import Component, Parameter
from mlgym_core.registry.markers import Nested, Slot
from mlgym_core.registry.registry import Provider, Registry, default_registry, register

__all__ = ["Component", "Nested", "Parameter", "Provider", "Registry", "Slot", "default_registry", "register"]
