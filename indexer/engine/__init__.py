"""An index whose vectors are searched by an engine: the database stays the truth, and the engine follows it."""
