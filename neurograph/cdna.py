"""`db.cdna`: the profile, which is the metric of every distance and the gate of every write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from ng_engine.errors import NotSupportedError

if TYPE_CHECKING:
    from neurograph.database import Database

__all__ = ["RuntimeCDNAStorage"]


class RuntimeCDNAStorage:
    """The store's profile. Changing it is a commit, seen by every session.

    Example:
        >>> import neurograph as ng
        >>> db = ng.connect()
        >>> db.cdna.profile, db.cdna.set_profile("explorer"), db.cdna.scales[7]
        ('default', None, 5.0)
        >>> db.cdna.scales = [1, 1, 2, 1, 1, 1, 1, 1]
        >>> db.cdna.profile, db.cdna.flags
        ('custom', 3)
        >>> db.close()
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def profile(self) -> str:
        """Name of the profile in force; ``"custom"`` once a value of it was changed."""
        return str(self._database.engine.get_cdna_config()["name"])

    def set_profile(self, profile: str | int) -> None:
        """Put a profile in force.

        Args:
            profile: its name, alias or id.

        Raises:
            ProgrammingError: 42704, there is none of that name.
        """
        self._database.engine.set_cdna_profile(profile)

    def profiles(self) -> list[dict[str, Any]]:
        """Every profile that can be set, with its values."""
        return self._database.engine.cdna_profiles()

    def config(self) -> dict[str, Any]:
        """Every value of the profile in force."""
        return self._database.engine.get_cdna_config()

    @property
    def scales(self) -> list[float]:
        """The eight scales: factors of each axis in a distance, 0 leaves it out. May be set."""
        return self._database.engine.get_cdna_scales()

    @scales.setter
    def scales(self, scales: Sequence[float]) -> None:
        self._database.engine.update_cdna_scales(scales)

    @property
    def flags(self) -> int:
        """Validation 1, events 2, mutation 4, strict 8. May be set."""
        return self._database.engine.get_cdna_flags()

    @flags.setter
    def flags(self, flags: int) -> None:
        self._database.engine.set_cdna_flags(flags)

    def validate(self, profile: str | None = None) -> bool:
        """Whether every stored row is legal under the profile in force.

        Args:
            profile: not supported yet: ask for another profile.
        """
        if profile is not None:
            raise NotSupportedError("validating against a profile that is not in force is not supported yet")
        return self._database.engine.validate_cdna()

    def history(self) -> NoReturn:
        """Not supported yet."""
        raise NotSupportedError("the history of the profile is not supported yet")

    def rollback(self, version: int) -> NoReturn:
        """Not supported yet."""
        raise NotSupportedError("rolling back the profile is not supported yet")
