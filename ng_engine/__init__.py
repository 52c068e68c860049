"""The engine: storage, indexes and set-at-a-time operations.

No language and no pyarrow live here. Results are `Relation` objects with the Arrow PyCapsule interface; errors are the
classes of `ng_engine.errors`.

Example:
    >>> from ng_engine import RuntimeStorage
    >>> storage = RuntimeStorage.memory()
    >>> storage.create_token(key="cup", type="object", coords=[0.1] * 8)
    1
    >>> storage.nearest([0.0] * 8, k=1).rows()[0][:3]
    (1, 'cup', 'object')
"""

from ng_engine._native import Relation, RuntimeStorage, __version__

__all__ = ["Relation", "RuntimeStorage", "__version__"]
