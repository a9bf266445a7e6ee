"""Faces of invented people: who they are, how they move, and pictures of them."""
