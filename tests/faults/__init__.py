"""Faults on purpose: what clients saw is recorded, and judged against the promises."""
