"""The links between the page and the direction browser."""

DIRECTIONS_PER_PAGE = 100


def direction_href(encoder: str, basis: str, number: int) -> str:
    """Return the address of a direction or feature in the browser, relative to `plots/`.

    `basis` is `directions`, numbered by importance from 1, or `features`, numbered from 0.
    """
    if basis == "features":
        return f"directions/{encoder}/features.html#feature-{number}"
    first = (number - 1) // DIRECTIONS_PER_PAGE * DIRECTIONS_PER_PAGE + 1
    return f"directions/{encoder}/directions_{first}.html#direction-{number}"
