"""Generated examples are the same on every run and have no time limit: a slow machine fails no test."""

from hypothesis import settings

settings.register_profile("altair", deadline=None, derandomize=True, database=None, max_examples=200)
settings.load_profile("altair")
