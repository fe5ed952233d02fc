"""A run: its request, its findings, and the bench on which its experiments are made."""

from schemabench.bench.asked import Asked
from schemabench.bench.bench import Bench, ended, in_words, kept
from schemabench.bench.findings import Findings

__all__ = ["Asked", "Bench", "Findings", "ended", "in_words", "kept"]
