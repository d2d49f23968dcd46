"""The working memory of counting: one row, so that places in it are known when kernels are compiled.

It begins with the records of two windows. Then come records each of which tells of a loop, of places in two lists, of
a node and of a level. At its end stand two numbers a dimension, and before them records of ranks, the last one first.
"""

from __future__ import annotations

RECORD = 16  # numbers of each

# A window in the fast lane: the extents of its two dimensions inside the loops so far; the products of bounds in time
# and in space; then what is worked out for a tile: its words, those of the tiles of all copies that share, words
# common with the tiles before times positions, copies that do not share, how far the tile before lies, how many lists
# of copies share, how far apart they lie and how many they are.
INNER, PLACES, COPIES, WIDTH, ALL, NOW, EACH, SHIFT, LISTS, GAP, OF = 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13
MOST_LISTS = 3

# A loop: where it stands in the table of tensors (its dimension and its axis), its node (-1: in time), its bound and
# its step.
RANK, LINK, NODE, TIMES, FAR = range(32, 37)
# A place in the list of loops in time: over which window or rank it is (-1: none), the bound less one, how many words
# of the window one iteration is, and of the loops outside that are in time the products of the bounds of those that
# are independent, and of those over the same window.
OVER, MORE, MOVES, OUTER, TILES = range(37, 42)
# A place in the list of loops in space over windows: the window, the bound, the words, the node (-1: copies do not
# share).
SPREAD, MANY, APART, ABOVE = range(42, 46)
# A loop over a rank, the long way: the next one outward over the same rank (-1: none), its bound and term, and its
# node if its copies share.
NEXT, CODE = 42, 43
# A node: how many copies along its axes want the same and share it. A level: the bounds over plain ranks from its
# keep to the next one.
ALIKE, INSIDE = 46, 47

# A rank, the long way: extents of a full tile; which it is; how many loops over it are listed; the innermost loop
# over it; its factor now; the row in which its sums are remembered, and how many of them have been used; whether any
# of its loops is in space.
EXTENTS, WHICH, LISTED, INNERMOST, FACTOR, SUMS, SPENT, SPREAD_OVER = 0, 3, 4, 5, 6, 7, 8, 9

# A dimension: whether the bounds divide; the record of its rank and the term (-1: it needs none).
EVEN, PART_OF = 0, 1
