"""Endless random input, by seed: `python -m fuzz.run --seconds 60` finds, `--seed N` repeats."""
