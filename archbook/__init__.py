"""The library of *Classification Architectures*, an executable textbook."""

from archbook.registry import create, list_networks

__all__ = ["create", "list_networks"]
__version__ = "0.1.0"
