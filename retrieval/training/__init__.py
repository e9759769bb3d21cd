"""Learning an embedding: one network, shared by both pictures of a pair, under a metric-learning loss."""
