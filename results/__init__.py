"""The recorded runs, one JSON file an experiment; installed as archbook.recorded."""
