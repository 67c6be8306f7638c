"""Mutation testing: small changes to the package, each of which some test has to notice.

``python -m tests.mutants`` records once which test runs which line, then tries a sample of mutants
in a copy of the checkout: the sample is the same for the same seed, and what was tried is kept.
"""
