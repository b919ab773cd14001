"""The analyses, one module per topic; each function is one table, figure or sentence of the paper.

A function takes frames (marts by name) and returns estimates; it opens, prints and writes nothing.
``READS`` of its module names the marts and columns that it reads. ``analysis_py.catalogue`` lists
them all.
"""
