"""Turns the solved twin into the exports of a clinic: dates, visits, courses, events."""
