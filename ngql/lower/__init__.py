"""Plans into programs: engine calls, and SQL for what is left."""

from ngql.lower.statements import lower

__all__ = ["lower"]
