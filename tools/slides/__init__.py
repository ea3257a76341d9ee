"""Slide decks from the sections' notebooks, for teaching from the same source."""
