"""The benchmarks are honest: what they compare with is fixed, and what they deliver is verified."""
