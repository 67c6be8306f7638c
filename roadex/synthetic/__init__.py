"""Generated aerial scenes with known roads, for the demonstration, for tests and for training."""

from roadex.synthetic.files import write_pairs, write_scene
from roadex.synthetic.scene import GeneratedRoad, GeneratedScene, generate_scene
from roadex.synthetic.styles import STYLES

__all__ = [
    "STYLES",
    "GeneratedRoad",
    "GeneratedScene",
    "generate_scene",
    "write_pairs",
    "write_scene",
]
