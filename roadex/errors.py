"""The errors a user can do something about.

Every class takes one string, so that an error survives the way back from a worker process
(``pickle`` rebuilds an exception from its ``args``). The command line prints that string on one
line; ``-v`` adds the traceback. A bug is never wrapped in one of these.
"""


class RoadexError(Exception):
    """Base of all errors that say what is wrong, where, and what to do about it."""


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


class TrainingError(RoadexError):
    """Training cannot start or go on (divergence, unusable checkpoint)."""
