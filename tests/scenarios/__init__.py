"""What happens to a cluster and what must come of it: numbered rows, each shown by the tests that bear its number."""
