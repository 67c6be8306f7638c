"""Training: labelled imagery in, trained weights out.

    chips ──► network ──► loss ──► update ──► averaged weights ──► evaluation ──► model file

The loop is plain torch. Chips are a pure function of their number and the seed, the learning rate
one of the step and the losses so far, so a checkpoint is little: the step, the weights, their
average, the optimizer's moments, the state of the schedule.
"""

from roadex.models import require_torch

require_torch()
