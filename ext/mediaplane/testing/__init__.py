"""Python views of the native units, for tests and benchmarks only."""
