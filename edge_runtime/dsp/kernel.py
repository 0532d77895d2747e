"""Choose the compiled kernel where it is there, its numpy twin elsewhere."""

import importlib
from types import ModuleType

from neurograsp.edge_runtime.dsp import twin


def _compiled() -> ModuleType | None:
    try:
        return importlib.import_module("neurograsp.edge_runtime.dsp._kernel")
    except ImportError:
        return None


compiled = _compiled()
default: ModuleType = compiled or twin
