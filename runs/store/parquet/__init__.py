"""The first rows of a Parquet file, read in Python and within bounds: columns, types, number of rows and what the first pages hold.

It is no library for data: what it does not know it says, and leaves out (docs/decisions/0062-parquet-is-read-by-a-small-reader.md).
"""

from __future__ import annotations
