"""Duplicates: what is compared, which file of a group is kept, and what is done with the others."""
