"""Propose a mapping for a delivery that no mapping describes: look, guess, ask; load nothing."""
