"""Training: labelled imagery in, trained weights out.

    chips ──► network ──► loss ──► update ──► averaged weights ──► evaluation ──► model file

The loop is plain torch. Chips are a pure function of their number and the seed, the learning rate
one of the step and the losses so far, so a checkpoint is little: the step, the weights, their
average, the optimizer's moments, the state of the schedule.
"""

from roadex.train.checks import changed_settings, check_data
from roadex.train.group import Group, run_in_group
from roadex.train.loop import Progress, train
from roadex.train.monitor import Monitor
from roadex.train.recipes import read_recipe, recipe_names
from roadex.train.schedules import with_steps
from roadex.train.state import CHECKPOINT_NAME, TrainingState

__all__ = [
    "CHECKPOINT_NAME", "Group", "Monitor", "Progress", "TrainingState", "changed_settings",
    "check_data", "read_recipe", "recipe_names", "run_in_group", "train", "with_steps",
]  # fmt: skip
