"""The base of every error whose text is written for the person at the keyboard."""


class AnalysisError(Exception):
    """Says what happened, where, and what to do; shown without a traceback."""
