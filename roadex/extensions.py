"""What installed packages add to roadex: networks, losses, metrics and more, found by entry point.

A package lists what it offers under the groups of :class:`Family` in its metadata, see
docs/howto/extend.md. roadex looks for extensions only when a name is asked for that it does not
have itself, or a list of all names. So what comes with roadex means the same whatever is
installed beside it, and costs nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from roadex.errors import ConfigError, ExtensionError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Family(StrEnum):
    """What can be added; the value is the group of entry points."""

    NETWORKS = "roadex.networks"
    LOSSES = "roadex.losses"
    METRICS = "roadex.metrics"
    OUTPUTS = "roadex.outputs"
    DATASETS = "roadex.datasets"
    CLEANING_STEPS = "roadex.cleaning_steps"
    AUGMENTATIONS = "roadex.augmentations"

    @property
    def noun(self) -> str:
        """What one member is called."""
        return _NOUNS[self]


_NOUNS: Mapping[Family, str] = {
    Family.NETWORKS: "network",
    Family.LOSSES: "loss",
    Family.METRICS: "metric",
    Family.OUTPUTS: "output format",
    Family.DATASETS: "dataset layout",
    Family.CLEANING_STEPS: "cleaning step",
    Family.AUGMENTATIONS: "augmentation",
}

_PARTS: Mapping[Family, tuple[tuple[str, ...], ...]] = {
    Family.METRICS: (("measure",), ("NEEDS_PROBABILITY", "halo", "count")),
    Family.DATASETS: (("recognises", "find", "unmatched_labels"),),
}
"""What a member must have where it is a module: all names of one of the tuples. Members of the
other families are called."""


@dataclass(frozen=True, slots=True)
class Extension:
    """One thing that an installed package offers."""

    family: Family
    name: str
    package: str
    version: str
    entry_point: EntryPoint

    def __str__(self) -> str:
        return f"{self.family.noun} {self.name!r} of {self.package} {self.version}"

    def record(self) -> dict[str, str]:
        """Return what reports and files say about the use of it."""
        return {
            "family": self.family.noun,
            "name": self.name,
            "package": self.package,
            "version": self.version,
        }

    def load(self) -> Any:
        """Import it.

        Raises
        ------
        ExtensionError
            If the import fails, whatever the reason, or gives something of another kind.
        """
        try:
            member = self.entry_point.load()
        except Exception as error:
            msg = (
                f"{self} cannot be imported from {self.entry_point.value}: "
                f"{type(error).__name__}: {error}. Update or uninstall {self.package}"
            )
            raise ExtensionError(msg) from error
        self._check(member)
        return member

    def _check(self, member: Any) -> None:
        choices = _PARTS.get(self.family)
        if choices is None:
            is_fit, needed = callable(member), "must be a function or a class"
        else:
            is_fit = any(all(hasattr(member, part) for part in parts) for parts in choices)
            needed = f"must have {', or '.join(', '.join(parts) for parts in choices)}"
        if not is_fit:
            msg = f"{self} is no {self.family.noun}: {self.entry_point.value} {needed}"
            raise ExtensionError(msg)


@cache
def installed_extensions(family: Family) -> tuple[Extension, ...]:
    """Return what installed packages offer of a family, by name; nothing is imported."""
    from importlib.metadata import entry_points  # most commands ask for none

    found = (
        Extension(family, point.name, point.dist.name, point.dist.version, point)
        for point in entry_points(group=family)
        if point.dist is not None
    )
    return tuple(sorted(found, key=lambda extension: (extension.name, extension.package)))


def find_extension(family: Family, name: str) -> Extension | None:
    """Return the extension of a name that roadex itself does not have, or None.

    Raises
    ------
    ExtensionError
        If two packages offer the name.
    """
    found = [extension for extension in installed_extensions(family) if extension.name == name]
    if len(found) > 1:
        packages = " and ".join(f"{one.package} {one.version}" for one in found)
        msg = f"{family.noun} {name!r} is offered by {packages}: uninstall one of them"
        raise ExtensionError(msg)
    return found[0] if found else None


def require_extension(family: Family, name: str, *, setting: str) -> Extension:
    """Return the extension of a name that a setting has.

    Raises
    ------
    ConfigError
        If no installed package offers it; it says what there is.
    ExtensionError
        If two packages do.
    """
    extension = find_extension(family, name)
    if extension is None:
        offered = ", ".join(names_with_extensions(family, ())) or "none"
        msg = (
            f"{setting} names the {family.noun} {name!r}, which no installed extension offers; "
            f"available: {offered}"
        )
        raise ConfigError(msg)
    return extension


def names_with_extensions(family: Family, built_in: Iterable[str]) -> list[str]:
    """Return the names that roadex has, and after them those of extensions."""
    added = (extension.name for extension in installed_extensions(family))
    return list(dict.fromkeys([*built_in, *added]))


def extension_records(family: Family, names: Iterable[str]) -> list[dict[str, str]]:
    """Return package and version for names that are not roadex's own, see :meth:`Extension.record`.

    Names that nothing installed offers are left out: whoever uses them refuses them.
    """
    found = (find_extension(family, name) for name in names)
    return [extension.record() for extension in found if extension is not None]
