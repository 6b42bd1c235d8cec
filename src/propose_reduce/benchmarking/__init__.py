"""Measuring inference on the user's machine: what takes how long, and how near its limits."""

from propose_reduce.benchmarking.measure import BenchmarkSettings, Method, benchmark
from propose_reduce.benchmarking.report import BenchmarkReport

__all__ = ["BenchmarkReport", "BenchmarkSettings", "Method", "benchmark"]
