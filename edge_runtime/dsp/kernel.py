"""Choose the compiled kernel where it is there, its numpy twin elsewhere."""

from types import ModuleType

from neurograsp.edge_runtime.dsp import twin

compiled: ModuleType | None
try:
    from neurograsp.edge_runtime.dsp import _kernel as compiled
except ImportError:
    compiled = None

default: ModuleType = compiled or twin
