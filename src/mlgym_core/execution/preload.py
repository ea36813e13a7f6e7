"""What the forkserver imports, once, for all that it will fork: to be imported is the whole use of this module.

Owns which libraries these are, and how a server is left that others are forked from. It only imports, never computes.
"""

from __future__ import annotations

import gc
from importlib import import_module

MODULES = (
    "torch",
    "torch._dynamo",  # torch.optim imports it at its first step
    "sklearn.metrics",
    "mlgym_core.execution.preflight",
    "mlgym_core.execution.worker",
)

# Nothing of a library that is being imported is garbage, and looking for some takes a seventh of the time. What is
# frozen in the end no collection of a forked process goes over, nor copies by doing so.
gc.disable()
try:
    for module in MODULES:
        import_module(module)
finally:
    gc.freeze()
    gc.enable()
