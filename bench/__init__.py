"""Benchmarks: `make bench` runs the small ones, `python -m bench.forwarder` measures a server under load."""
