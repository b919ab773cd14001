"""Reads a written delivery as a statistician would and compares it with the printed numbers.

This is a second opinion: it shares no code with the warehouse and none with the drawing of the
twin, and it reads nothing but the files of the delivery.
"""
