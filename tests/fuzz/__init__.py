"""Fuzzing: healthy inputs, slightly broken, given to the commands that users give theirs to.

``python -m tests.fuzz --seconds 600 --seed 7`` runs it, ``--replay KIND:SEED:NUMBER`` runs one
input again. What must hold for every input is in :mod:`tests.fuzz.laws`.
"""
