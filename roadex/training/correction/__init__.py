"""A model that learns from what a person corrected in a network it found."""
