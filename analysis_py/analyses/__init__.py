"""One module per table, figure or sentence of the paper.

Each has ``COLUMNS``, the marts and columns it reads, and ``run(frames)``, which returns a list of
estimates. A module whose name starts with an underscore serves several of them.
"""
