"""NeuroGraph: an embedded database of things in eight-dimensional space and the connections between them.

Example:
    >>> import neurograph as ng
    >>> with ng.connect() as db:
    ...     cup = db.tokens.create(key="cup", type="object", coords=[0.1] * 8)
    ...     sea = db.tokens.create(key="sea", coords=[0.9] * 8)
    ...     _ = db.connections.create("cup", "sea", type="similar", weight=0.5)
    ...     db.execute("SELECT key FROM tokens NEAR $q LIMIT 1", {"q": [0.2] * 8}).fetchall()
    [('cup',)]
"""

from neurograph import dbapi
from neurograph.cdna import RuntimeCDNAStorage
from neurograph.connect import connect
from neurograph.connections import RuntimeConnectionStorage
from neurograph.database import Database
from neurograph.graph import RuntimeGraphStorage
from neurograph.grid import RuntimeGridStorage
from neurograph.result import Result
from neurograph.salvage import salvage
from neurograph.tokens import RuntimeTokenStorage
from ng_engine import RuntimeStorage, __version__
from ng_engine.errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NgqlSyntaxError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)

__all__ = [
    "DataError",
    "Database",
    "DatabaseError",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NgqlSyntaxError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Result",
    "RuntimeCDNAStorage",
    "RuntimeConnectionStorage",
    "RuntimeGraphStorage",
    "RuntimeGridStorage",
    "RuntimeStorage",
    "RuntimeTokenStorage",
    "__version__",
    "connect",
    "dbapi",
    "salvage",
]
