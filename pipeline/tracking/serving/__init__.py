"""What MLflow runs to serve a registered model; shipped with it, never imported by the program."""
