"""All kinds of inputs."""

from __future__ import annotations

from tests.fuzz.cases import Kind
from tests.fuzz.file_kinds import FILE_KINDS
from tests.fuzz.judging_kinds import JUDGING_KINDS
from tests.fuzz.raster_kinds import RASTER_KINDS
from tests.fuzz.vector_kinds import VECTOR_KINDS

KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (*RASTER_KINDS, *FILE_KINDS, *VECTOR_KINDS, *JUDGING_KINDS)
}
