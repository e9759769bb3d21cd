"""Classification of queries over a labelled gallery: heads that score classes, and what their scores are worth.

A head (`neighbours`, `prototypes`, `linear`) scores every class; `calibration` turns scores into probabilities,
`novelty` says which queries belong to no class, and `classifier` puts one of each together. All of them work on
(n, dim) float32 vectors compared by cosine and on one label a vector.
"""
