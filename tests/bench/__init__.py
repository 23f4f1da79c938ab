"""What a failover costs, beside the bare cost of its statements: `make bench-failover`."""
