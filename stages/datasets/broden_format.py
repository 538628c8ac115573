"""The names of Broden1's files and columns (Bau et al., CVPR 2017; NetDissect's `joinseg.py`)."""

from typing import NamedTuple

CATEGORIES = ("color", "object", "part", "material", "scene", "texture")
INDEX_COLUMNS = ("image", "split", "ih", "iw", "sh", "sw", *CATEGORIES)
LABEL_COLUMNS = ("number", "name", "category", "frequency", "coverage", "syns")
CATEGORY_COLUMNS = ("name", "first", "last", "count", "frequency")
CODE_COLUMNS = ("code", "number", "name", "frequency", "coverage")


class Concept(NamedTuple):
    """A row of `label.csv`: the number that label maps hold, a name and the main category."""

    number: int
    name: str
    category: str
