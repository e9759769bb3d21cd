"""`index screen`: incoming images judged against the catalogue, its lists and its decisions, by rules.

`neighbours` finds what an image is to be held against, `relations` says what it is to each of them, each module of
`rules` gives reasons, `screen` is the flow and `report` its result.
"""
