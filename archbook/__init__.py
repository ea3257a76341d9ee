"""The library of *Classification Architectures*, an executable textbook."""

__version__ = "0.1.0"
