"""Benchmarks of the project, each a module to run with python -m."""
