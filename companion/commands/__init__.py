"""The verbs of `python -m companion`: thin, argparse over `companion.tasks`.

Each module adds its arguments to a parser (`add`) and does one verb (`run`). Libraries are imported
when a verb runs, so that `--help` answers at once.
"""
