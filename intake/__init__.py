"""Intake: bytes become text records; a file that cannot be trusted is refused whole."""
