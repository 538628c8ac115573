"""The links between the page and the direction browser."""

DIRECTIONS_PER_PAGE = 100

FEATURES_PER_PAGE = 100
"""How many numbers a page of features spans; it shows those of them that encode a concept."""


def feature_page(number: int) -> str:
    """Return the name of the page of a feature that encodes a concept and was not examined."""
    return f"features_{number // FEATURES_PER_PAGE * FEATURES_PER_PAGE}"


def direction_href(encoder: str, basis: str, number: int, *, examined: bool = True) -> str:
    """Return the address of a direction or feature in the browser, relative to `plots/`.

    `basis` is `directions`, numbered by importance from 1, or `features`, numbered from 0; features
    that stage `kurtosis` has `examined` have a page of their own.
    """
    if basis == "features":
        page = "features" if examined else feature_page(number)
        return f"directions/{encoder}/{page}.html#feature-{number}"
    first = (number - 1) // DIRECTIONS_PER_PAGE * DIRECTIONS_PER_PAGE + 1
    return f"directions/{encoder}/directions_{first}.html#direction-{number}"
