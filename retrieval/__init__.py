"""Pixels and vectors: encoders, similarity, search, joins and ranking. Knows no file, row, URL or terminal."""
