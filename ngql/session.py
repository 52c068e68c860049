"""Steps about the profile, settings and transactions, and SHOW."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ng_engine.errors import Error, from_sqlstate
from ngql import types
from ngql.ast import Span
from ngql.catalog import did_you_mean
from ngql.engine import Engine
from ngql.program import Rows, Run, placed
from ngql.values import late
from ngql.writes import Written, atomic

__all__ = [
    "FLAGS",
    "SetFlag",
    "SetOption",
    "SetProfile",
    "SetScale",
    "ShowCdna",
    "ShowOption",
    "Transact",
    "shown",
]

FLAGS = {"validation": 1, "events": 2, "mutation": 4, "strict": 8}


def shown(value: Any) -> str:
    """A setting's value as SHOW prints it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "default" if value is None else str(value)


def _need_transaction(run: Run, what: str) -> None:
    if not run.engine.in_transaction:
        raise from_sqlstate("25P01", f"{what} needs a transaction", "BEGIN first")


@dataclass(frozen=True, slots=True)
class SetProfile:
    """SET [LOCAL] CDNA PROFILE."""

    profile: Any
    local: bool
    text: str
    span: Span | None

    def __call__(self, run: Run) -> Written:
        """Set it."""
        profile = late(self.profile, run.engine, run.values)
        try:
            if self.local:
                _need_transaction(run, "SET LOCAL CDNA")
                run.engine.set_local_metric(run.engine.metric(profile))
            else:
                run.engine.set_cdna_profile(profile)
        except Error as error:
            raise placed(error, self.text, self.span) from None
        return Written(0)


@dataclass(frozen=True, slots=True)
class SetScale:
    """SET [LOCAL] CDNA SCALE."""

    scales: tuple[tuple[int, Any], ...]
    local: bool
    text: str
    span: Span | None

    def __call__(self, run: Run) -> Written:
        """Change the given axes, keep the others."""
        try:
            given = [(axis, late(scale, run.engine, run.values)) for axis, scale in self.scales]
            if self.local:
                _need_transaction(run, "SET LOCAL CDNA")
                scale, period = run.engine.metric()
                run.engine.set_local_metric((_changed(scale, given), list(period)))
            else:
                with atomic(run.engine):
                    run.engine.update_cdna_scales(_changed(run.engine.get_cdna_scales(), given))
        except Error as error:
            raise placed(error, self.text, self.span) from None
        return Written(0)


def _changed(scales: Sequence[float], given: Sequence[tuple[int, float]]) -> list[float]:
    changed = list(scales)
    for axis, scale in given:
        changed[axis] = scale
    return changed


@dataclass(frozen=True, slots=True)
class SetFlag:
    """SET CDNA FLAG."""

    bit: int
    on: bool

    def __call__(self, run: Run) -> Written:
        """Set or clear the bit."""
        with atomic(run.engine):
            flags = run.engine.get_cdna_flags()
            run.engine.set_cdna_flags(flags | self.bit if self.on else flags & ~self.bit)
        return Written(0)


@dataclass(frozen=True, slots=True)
class ShowCdna:
    """SHOW CDNA: the profile and the metric that reads of this session use.

    Within a transaction the metric may be its own (SET LOCAL): the profile is then shown as local.
    """

    axes: tuple[str, ...]

    def __call__(self, run: Run) -> Rows:
        """One row a property; scale and period one an axis."""
        profile = run.engine.get_cdna_config()
        scale, period = run.engine.metric()
        flags = " ".join(name for name, bit in FLAGS.items() if run.engine.get_cdna_flags() & bit)
        rows = [
            ("profile", _profile_shown(run.engine, profile)),
            ("mode", str(profile["mode"])),
            ("flags", flags),
        ]
        rows += [(f"scale {axis}", repr(float(s))) for axis, s in zip(self.axes, scale, strict=True)]
        rows += [(f"period {axis}", repr(float(p))) for axis, p in zip(self.axes, period, strict=True)]
        return Rows(["name", "value"], [types.TEXT, types.TEXT], rows, "catalog")


def _profile_shown(engine: Engine, profile: Mapping[str, Any]) -> str:
    """The profile's name; of a metric that SET LOCAL has set, the profile it belongs to, if it is one's."""
    metric = _plain(engine.metric())
    own = str(profile["name"])
    if metric == _plain((profile["scale"], profile["period"])):
        return own
    known = engine.cdna_profiles()
    names = [str(other["name"]) for other in known if _plain((other["scale"], other["period"])) == metric]
    return f"{names[0]} (local)" if names else f"{own} with local scales"


def _plain(metric: Sequence[Sequence[float]]) -> list[list[float]]:
    return [list(numbers) for numbers in metric]


@dataclass(frozen=True, slots=True)
class SetOption:
    """SET name = value, RESET name, RESET ALL."""

    name: str | None
    value: Any
    reset: bool
    text: str
    span: Span | None

    def __call__(self, run: Run) -> Written:
        """Change the session's setting."""
        try:
            settings = _settings(run)
            if self.name is None:
                settings.clear()
            elif self.name not in settings:
                raise unknown_option(self.name, settings)
            elif self.reset:
                del settings[self.name]
            else:
                settings[self.name] = late(self.value, run.engine, run.values)
        except Error as error:
            raise placed(error, self.text, self.span) from None
        return Written(0)


@dataclass(frozen=True, slots=True)
class ShowOption:
    """SHOW name, SHOW ALL."""

    name: str | None
    text: str
    span: Span | None

    def __call__(self, run: Run) -> Rows:
        """One setting under its name, or all."""
        try:
            settings = _settings(run)
            if self.name is None:
                rows = [(name, shown(settings[name])) for name in sorted(settings)]
                return Rows(["name", "value"], [types.TEXT, types.TEXT], rows, "catalog")
            if self.name not in settings:
                raise unknown_option(self.name, settings)
            return Rows([self.name], [types.TEXT], [(shown(settings[self.name]),)], "catalog")
        except Error as error:
            raise placed(error, self.text, self.span) from None


def _settings(run: Run) -> Any:
    if run.settings is None:
        raise from_sqlstate("0A000", "this session has no settings")
    return run.settings


def unknown_option(name: str, settings: Any) -> Error:
    """42704 for a setting that does not exist."""
    return from_sqlstate("42704", f'setting "{name}" does not exist', did_you_mean(name, settings))


@dataclass(frozen=True, slots=True)
class Transact:
    """BEGIN, COMMIT, ROLLBACK and savepoints."""

    method: str
    argument: str | bool | None
    text: str
    span: Span | None

    def __call__(self, run: Run) -> Written:
        """Call the engine's method of the same name. COMMIT of a failed transaction is a ROLLBACK, and says so."""
        if self.method == "commit" and run.engine.transaction_failed:
            run.engine.rollback()
            return Written(0, kind="ROLLBACK")
        call = getattr(run.engine, self.method)
        try:
            if self.argument is None:
                call()
            else:
                call(self.argument)
        except Error as error:
            raise placed(error, self.text, self.span) from None
        return Written(0)
