"""Makes reads and writes of shared state scheduling points, by rewriting bytecode in memory."""
