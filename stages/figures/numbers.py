"""Numbers as a reader sees them."""


def shown(value: float | int | None, digits: int = 1) -> str:
    """Return a number with a true minus and `digits` decimals, or a dash where there is none."""
    if value is None:
        return "–"
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else text.removeprefix("-")


def with_interval(
    value: float | None, low: float | None, high: float | None, digits: int = 1
) -> str:
    """Return a number followed by its interval in brackets, where it has one."""
    if value is None or low is None or high is None:
        return shown(value, digits)
    return f"{shown(value, digits)} [{shown(low, digits)}, {shown(high, digits)}]"


def percent(fraction: float | None) -> str:
    """Return a fraction, 0 to 1, in whole percent."""
    return "–" if fraction is None else f"{shown(100 * fraction, 0)} %"
