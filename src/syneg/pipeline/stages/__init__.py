"""The stages of a run, each a function of a run to a summary and the files it wrote."""
