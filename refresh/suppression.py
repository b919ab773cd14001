"""Hide small counts in a table, and enough others that nobody can compute them.

A count from 1 to k - 1 is hidden (primary suppression). With row and column totals in print a
hidden count may follow from the others, so further cells are hidden (secondary suppression) until
an audit passes: for every hidden cell the smallest and the largest count that the printed numbers
allow, found by linear programming, lie at least k apart. The bounds of such a table are whole
numbers (its constraints are totally unimodular), so the audit is exact. Tables of one release that
print the same total are audited once more as one system, in whole numbers. Hundepool et al.,
Statistical Disclosure Control (2012), chapter 4.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import LinearConstraint, linprog, milp

Position = tuple[int, int]


@dataclass
class CountTable:
    """Counts in rows and columns, with all totals.

    Attributes
    ----------
    counts : numpy.ndarray
        Non-negative whole numbers, shape (rows + 1, columns + 1); the last row and column are
        totals.
    hidden : set of (int, int)
        Cells that are not printed; totals may be among them.
    """

    name: str
    title: str
    row_labels: list[str]
    column_labels: list[str]
    counts: np.ndarray
    row_dimension: str = ""
    column_dimension: str = ""
    population: str = ""
    hidden: set[Position] = field(default_factory=set)

    @classmethod
    def from_inner(cls, inner: np.ndarray, **about: object) -> CountTable:
        """Add the totals to inner counts of shape (rows, columns)."""
        with_row_totals = np.vstack([inner, inner.sum(axis=0, keepdims=True)])
        counts = np.hstack([with_row_totals, with_row_totals.sum(axis=1, keepdims=True)])
        return cls(counts=counts.astype(int), **about)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of rows and columns, totals included."""
        return self.counts.shape


def primary(table: CountTable, k: int) -> set[Position]:
    """Return the cells whose count is from 1 to k - 1, totals included."""
    rows, columns = np.nonzero((table.counts > 0) & (table.counts < k))
    return {(int(row), int(column)) for row, column in zip(rows, columns, strict=True)}


def intervals(table: CountTable) -> dict[Position, tuple[int, int | None]]:
    """Return what an attacker can find out about every hidden cell.

    Returns
    -------
    dict
        Position to the smallest and the largest count that the printed cells allow; None where
        there is no upper bound.
    """
    n_rows, n_columns = table.shape
    hidden = sorted(table.hidden)
    number = {position: index for index, position in enumerate(hidden)}
    matrix, right = [], []
    for line in _lines(n_rows, n_columns):
        coefficients, known = np.zeros(len(hidden)), 0
        for position, sign in line:
            if position in number:
                coefficients[number[position]] += sign
            else:
                known += sign * int(table.counts[position])
        if coefficients.any():
            matrix.append(coefficients)
            right.append(-known)
    found: dict[Position, tuple[int, int | None]] = {}
    for position, index in number.items():
        goal = np.zeros(len(hidden))
        goal[index] = 1
        low = _solve(goal, matrix, right)
        high = _solve(-goal, matrix, right)
        found[position] = (round(low or 0), None if high is None else round(-high))
    return found


def _lines(n_rows: int, n_columns: int) -> list[list[tuple[Position, int]]]:
    """Return the equations of a table: every row and column adds up to its total."""
    rows = [
        [((row, column), 1) for column in range(n_columns - 1)] + [((row, n_columns - 1), -1)]
        for row in range(n_rows)
    ]
    columns = [
        [((row, column), 1) for row in range(n_rows - 1)] + [((n_rows - 1, column), -1)]
        for column in range(n_columns)
    ]
    return rows + columns


def _solve(goal: np.ndarray, matrix: list[np.ndarray], right: list[int]) -> float | None:
    """Return the least value of a linear goal, or None when it has none."""
    solution = linprog(
        goal,
        A_eq=np.array(matrix) if matrix else None,
        b_eq=np.array(right) if matrix else None,
        bounds=(0, None),
        method="highs",
    )
    return float(solution.fun) if solution.status == 0 else None


def too_narrow(table: CountTable, k: int) -> list[Position]:
    """Return the hidden cells that can be narrowed to fewer than k apart, narrowest first."""
    widths = {
        position: (float("inf") if high is None else high - low)
        for position, (low, high) in intervals(table).items()
    }
    narrow = [position for position, width in widths.items() if width < k]
    return sorted(narrow, key=lambda position: (widths[position], position))


def protect(table: CountTable, k: int) -> CountTable:
    """Hide small cells and as many others as the audit asks for.

    Parameters
    ----------
    table : CountTable
        ``hidden`` may hold cells already (for example a total hidden in another table).
    k : int
        Counts below are hidden; hidden counts cannot be narrowed below k apart.

    Returns
    -------
    CountTable
        The same table; in the worst case everything is hidden.
    """
    table.hidden |= primary(table, k)
    while narrow := too_narrow(table, k):
        helper = _best_helper(table, narrow[0])
        if helper is None:
            n_rows, n_columns = table.shape
            table.hidden = {(row, column) for row in range(n_rows) for column in range(n_columns)}
            break
        table.hidden.add(helper)
    return table


def _best_helper(table: CountTable, target: Position) -> Position | None:
    """Choose the next cell to hide: in the target's row or column, inner before totals.

    A line with one hidden cell comes first, because there the cell follows exactly; then the
    smallest count above zero, because least is lost; zeros and totals come last.
    """
    n_rows, n_columns = table.shape
    row, column = target
    row_line = [(row, other) for other in range(n_columns) if other != column]
    column_line = [(other, column) for other in range(n_rows) if other != row]
    lines = sorted(
        (row_line, column_line), key=lambda line: sum(cell in table.hidden for cell in line)
    )
    for line in lines:
        open_cells = [cell for cell in line if cell not in table.hidden]
        if open_cells:
            return min(
                open_cells,
                key=lambda cell: (
                    _is_total(table, cell),
                    table.counts[cell] == 0,
                    table.counts[cell],
                    cell,
                ),
            )
    remaining = [
        (r, c) for r in range(n_rows) for c in range(n_columns) if (r, c) not in table.hidden
    ]
    return min(
        remaining,
        key=lambda cell: (_is_total(table, cell), table.counts[cell] == 0, table.counts[cell]),
        default=None,
    )


def _is_total(table: CountTable, cell: Position) -> int:
    n_rows, n_columns = table.shape
    return int(cell[0] == n_rows - 1) + int(cell[1] == n_columns - 1)


def protect_together(tables: list[CountTable], k: int) -> list[CountTable]:
    """Protect the tables of one release: each alone, their shared totals, and all of them at once.

    A total that is hidden in one table is hidden wherever it is printed.
    """
    while True:
        for table in tables:
            protect(table, k)
        if _share_hidden_totals(tables):
            continue
        narrow = too_narrow_together(tables, k)
        if not narrow:
            return tables
        table, position = narrow[0]
        helper = _best_helper(table, position)
        n_rows, n_columns = table.shape
        everything = {(row, column) for row in range(n_rows) for column in range(n_columns)}
        table.hidden |= everything if helper is None else {helper}


def _share_hidden_totals(tables: list[CountTable]) -> bool:
    """Hide every total that another table hides; return whether one was added."""
    hidden = {total for table in tables for total in _totals(table) if _at(table, total)}
    added = [
        (table, total)
        for table in tables
        for total in _totals(table)
        if total in hidden and not _at(table, total)
    ]
    for table, total in added:
        table.hidden.add(_totals(table)[total])
    return bool(added)


def too_narrow_together(tables: list[CountTable], k: int) -> list[tuple[CountTable, Position]]:
    """Return hidden cells that all tables together narrow to fewer than k apart, narrowest first.

    A total that several tables print is one unknown. The bounds are found in whole numbers, since
    linked tables need not have whole-numbered linear bounds.
    """
    names = [_names(table) for table in tables]
    numbers: dict[object, int] = {}
    for table, named in zip(tables, names, strict=True):
        for position in sorted(table.hidden):
            numbers.setdefault(named[position], len(numbers))
    matrix, right = [], []
    for table, named in zip(tables, names, strict=True):
        for line in _lines(*table.shape):
            coefficients, known = np.zeros(len(numbers)), 0
            for position, sign in line:
                if position in table.hidden:
                    coefficients[numbers[named[position]]] += sign
                else:
                    known += sign * int(table.counts[position])
            if coefficients.any():
                matrix.append(coefficients)
                right.append(-known)
    if not numbers:
        return []
    widths = [_whole_width(index, matrix, right) for index in range(len(numbers))]
    found = [
        (widths[numbers[named[position]]], position, table)
        for table, named in zip(tables, names, strict=True)
        for position in table.hidden
        if widths[numbers[named[position]]] < k
    ]
    found.sort(key=lambda cell: (cell[0], cell[2].name, cell[1]))
    return [(table, position) for _, position, table in found]


def _whole_width(index: int, matrix: list[np.ndarray], right: list[int]) -> float:
    """Return the largest less the smallest whole number that one unknown can be."""
    goal = np.zeros(len(matrix[0]))
    goal[index] = 1
    constraints = LinearConstraint(np.array(matrix), right, right)
    ends = [
        milp(sign * goal, constraints=constraints, integrality=np.ones(len(goal)))
        for sign in (1, -1)
    ]
    if any(end.status != 0 for end in ends):
        return float("inf")
    return round(-ends[1].fun) - round(ends[0].fun)


def _names(table: CountTable) -> dict[Position, object]:
    """Name every cell; a total has the same name in every table that prints it."""
    inner = {position: (table.name, position) for position in np.ndindex(*table.shape)}
    return inner | {position: total for total, position in _totals(table).items()}


Total = tuple[str, str, str]


def _totals(table: CountTable) -> dict[Total, Position]:
    """Name every total by population, dimension and label, so that other tables recognise it."""
    n_rows, n_columns = table.shape
    named: dict[Total, Position] = {
        (table.population, "", ""): (n_rows - 1, n_columns - 1),
    }
    for row, label in enumerate(table.row_labels):
        named[table.population, table.row_dimension, label] = (row, n_columns - 1)
    for column, label in enumerate(table.column_labels):
        named[table.population, table.column_dimension, label] = (n_rows - 1, column)
    return named


def _at(table: CountTable, total: Total) -> bool:
    return _totals(table)[total] in table.hidden
