"""How good vectors are: metrics, intervals and baselines over arrays and labels."""
