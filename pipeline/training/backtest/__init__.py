"""The long comparison: families, ways to calibrate, other labels and horizons."""
