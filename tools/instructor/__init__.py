"""Assignments from the book's exercises, and their grading, with nbgrader."""
