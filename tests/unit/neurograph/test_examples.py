"""Every public function has a runnable example, or stands in a class that has one."""

import doctest
import importlib
import pkgutil

import pytest

import neurograph
import ng_arrow

PACKAGES = (neurograph, ng_arrow)
MODULES = [
    "neurograph",
    *(
        f"{package.__name__}.{module.name}"
        for package in PACKAGES
        for module in pkgutil.iter_modules(package.__path__)
    ),
]


def test_there_are_modules() -> None:
    assert len(MODULES) > 20


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name: str) -> None:
    module = importlib.import_module(name)
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


@pytest.mark.parametrize("name", neurograph.__all__)
def test_the_public_surface_has_examples(name: str) -> None:
    public = getattr(neurograph, name)
    is_class = isinstance(public, type) and not issubclass(public, Exception) and name != "RuntimeStorage"
    if is_class or name in ("connect", "dbapi"):
        assert ">>>" in (public.__doc__ or "")
