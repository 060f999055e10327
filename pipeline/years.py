"""The years that a date can lie in; windows and horizons reach beyond them."""

YEARS = range(1900, 2200)
