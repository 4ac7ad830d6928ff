"""What the package does against named peers, side by side in one run: `python -m benchmarks`."""
