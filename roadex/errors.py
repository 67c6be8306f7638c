"""The errors a user can do something about.

Every class takes one string, so that an error survives the way back from a worker process
(``pickle`` rebuilds an exception from its ``args``). The command line prints that string on one
line; ``-v`` adds the traceback. A bug is never wrapped in one of these.

Messages, reports and logs never carry secrets: what may be one is taken out in one place,
:func:`public_text`.
"""

import re
from typing import Any

_URL = re.compile(
    r"""(?P<scheme>\b[a-z][a-z0-9+.-]*://)(?:[^\s/'"]*@|[^\s/'"@]*:[^\s?#'"@]*@)?"""
    r"""(?P<place>[^\s?'"<>]*)(?:\?[^\s'"<>)]*)?""",
    re.IGNORECASE,
)
"""A URL with what may be a password before the host, and a query that may be a signature.

People write passwords with a slash, too: then all after the first colon may be one.
"""

_GDAL_QUERY = re.compile(r"""(?P<place>/vsi\w*)\?[^\s'"<>)]*""")
"""A URL in GDAL's form ``/vsicurl?url=...``, signature and all."""

_NAMED = re.compile(
    r"""(?P<name>\b(?:\w*(?:password|passwd|pwd|secret|token|signature|credential)\w*|sig|\w*api_?key|"""
    r"""\w*access_?key\w*)\s*=\s*)(?:'[^']*'|"[^"]*"|[^\s&,;'"]+)""",
    re.IGNORECASE,
)
"""A secret that is called one, as in connection strings and variables."""

_END = ".,;:)"

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""How libraries colour their messages."""

_LONGEST_LINE = 1000
"""Characters of an error: more than any that names a few files."""


def public_text(text: str) -> str:
    """Return a text without what may be secret in it.

    Taken out are user names and passwords of URLs, their queries (signed URLs), and values that are
    called password, token, secret, signature or key.
    """
    if "://" in text:
        text = _URL.sub(_without_secret, text)
    text = _GDAL_QUERY.sub(_without_secret, text)
    return _NAMED.sub(r"\g<name>***", text)


def one_line(text: str) -> str:
    """Return a text on one line that any terminal can show.

    Names in damaged files hold anything: what steers a terminal becomes its code, and what is very
    long loses its middle.
    """
    text = " ".join(_COLOUR.sub("", text).split())
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    half = _LONGEST_LINE // 2
    return text if len(text) <= _LONGEST_LINE else f"{text[:half]} [...] {text[-half:]}"


def public(value: Any) -> Any:
    """Return a JSON value with every text in it made public, see :func:`public_text`."""
    if isinstance(value, str):
        return public_text(value)
    if isinstance(value, dict):
        return {key: public(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [public(inner) for inner in value]
    return value


def _without_secret(found: re.Match[str]) -> str:
    whole, parts = found.group(), found.groupdict()
    kept = f"{parts.get('scheme', '')}{parts['place']}"
    # A full stop after a query ends the sentence.
    return kept + whole[-1] if whole[-1] in _END and kept[-1:] != whole[-1] else kept


class RoadexError(Exception):
    """Base of all errors that say what is wrong, where, and what to do about it."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(public_text(message)))


class ConfigError(RoadexError):
    """A setting is out of its range or contradicts another one."""


class SceneError(RoadexError):
    """An input raster is missing, unreadable, or cannot be what it should be."""


class ModelError(RoadexError):
    """A model file or a network definition cannot be used."""


class DatasetError(RoadexError):
    """Labelled imagery is missing, inconsistent or wrongly paired."""


class OutputError(RoadexError):
    """A result cannot be written, or exists already."""


class NetworkError(RoadexError):
    """A road network, or a file with lines, cannot be read or cannot be what it should be."""


class ScoreError(RoadexError):
    """A prediction and a truth cannot be compared."""


class RunError(RoadexError):
    """A run cannot go on: its workers, its scheduler or its batch system failed."""


class IncompleteError(RunError):
    """Parts of the work failed. The other results are there; the same call does what is missing."""


class ExtensionError(RoadexError):
    """An installed package offers something to roadex that cannot be used."""


class TrainingError(RoadexError):
    """Training cannot start or go on (divergence, unusable checkpoint)."""
