"""Refresh: build a candidate, judge it, publish it in one step, keep it, undo it, erase from it."""
