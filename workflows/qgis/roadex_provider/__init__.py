# SPDX-License-Identifier: GPL-2.0-or-later
"""Processing provider of QGIS that calls the ``roadex`` command of another environment.

``commands``, ``messages`` and ``program`` know nothing of QGIS; the other modules nothing of
processes. Nothing here imports roadex.
"""

from __future__ import annotations

from typing import Any


def classFactory(_iface: Any) -> Any:
    """Return the plugin; QGIS calls this when it loads the folder."""
    from .plugin import RoadexPlugin

    return RoadexPlugin()
