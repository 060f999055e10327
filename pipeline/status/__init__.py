"""The state of an installation: store, champion, publications, the next list."""
