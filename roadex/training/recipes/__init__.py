"""Recipes: training settings that belong together, as TOML files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from roadex.config import read_toml
from roadex.errors import ConfigError

_FOLDER = Path(__file__).parent


def recipe_names() -> tuple[str, ...]:
    """Return the names of the packaged recipes."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml")))


def read_recipe(name: str) -> dict[str, Any]:
    """Return the settings of a packaged recipe.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    if name not in recipe_names():
        msg = f"unknown recipe {name!r}; available: {', '.join(recipe_names())}"
        raise ConfigError(msg)
    return read_toml(_FOLDER / f"{name}.toml")
