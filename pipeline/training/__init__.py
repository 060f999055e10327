"""From the training table to a measured, recorded and registered model."""
