"""The names of the classes of public data sets, in the order in which models number them: files
`labels/NAME.txt` of this package, a name a line.
"""

from __future__ import annotations

import os

LABEL_SETS = ("kinetics-400", "kinetics-600", "kinetics-700", "something-something-v2", "hmdb51",
              "ucf101", "diving-48")


def label_file(name: str) -> str:
    """The path of the names of a data set; a name that is none of LABEL_SETS is a path itself."""
    if name not in LABEL_SETS:
        return name
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "labels", f"{name}.txt")
